"""Replies to a batch of prompts: each as it would be alone."""

import pytest
import torch
from torch import nn

from course_utils.language import GPT, CharTokenizer, GPTConfig, Reply, replies

TOKENIZER = CharTokenizer("abcdefgh", special=("<user>", "<bot>", "<stop>"))


class Says(nn.Module):
    """Always says the token after the one before it, from "a" on; <stop> after "h" if it ends."""

    def __init__(self, ends):
        super().__init__()
        self.ends, self.weight = ends, nn.Parameter(torch.zeros(()))

    def forward(self, tokens):
        after = {TOKENIZER.special["<bot>"]: 0, 7: TOKENIZER.special["<stop>"] if self.ends else 0}
        following = [[after.get(i, i + 1 if i < 7 else 0) for i in row] for row in tokens.tolist()]
        return nn.functional.one_hot(torch.tensor(following), 11).float() * 50


def gpt():
    torch.manual_seed(0)
    model = GPT(GPTConfig(11, context_length=48, num_layers=2, num_heads=2, width=16))
    for p in model.parameters():
        nn.init.normal_(p, std=0.5)
    return model.eval()


def test_an_answer_ends_at_its_stop_and_prompts_keep_their_order():
    said = replies(Says(ends=True), TOKENIZER, ["abc", "a", "ab"])
    assert said == [Reply("abcdefgh", True)] * 3


def test_an_answer_without_stop_is_cut_and_says_so():
    assert replies(Says(ends=False), TOKENIZER, ["a"], max_new_tokens=10) == [
        Reply("abcdefghab", False)
    ]


@pytest.mark.parametrize("batch_size", [1, 2, 256])
def test_a_batch_answers_as_each_prompt_alone(batch_size):
    model, prompts = gpt(), ["abc", "h", "", "ggggggg", "ab"]
    before = [("a", "b"), ("cc", "")]
    options = {"before": before, "max_new_tokens": 12}
    together = replies(model, TOKENIZER, prompts, batch_size=batch_size, **options)
    alone = [replies(model, TOKENIZER, [prompt], **options)[0] for prompt in prompts]
    assert together == alone
    assert len({reply.text for reply in together}) > 2  # else anything would agree


def test_what_was_said_before_counts():
    model = gpt()
    one, other = (replies(model, TOKENIZER, ["a"], before=b) for b in ((), [("h", "h")]))
    assert one != other


def test_no_prompt_no_reply():
    assert replies(gpt(), TOKENIZER, []) == []


def test_sizes_and_tokenizers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="batch_size"):
        replies(gpt(), TOKENIZER, ["a"], batch_size=0)
    with pytest.raises(ValueError, match="max_new_tokens"):
        replies(gpt(), TOKENIZER, ["a"], max_new_tokens=0)
    with pytest.raises(ValueError, match="turns need the special tokens"):
        replies(gpt(), CharTokenizer("ab"), ["a"])


def test_one_text_instead_of_several_is_refused():
    with pytest.raises(ValueError, match="several texts"):
        replies(Says(True), TOKENIZER, "abc")
