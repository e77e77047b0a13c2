# %% [markdown]
# # 07 · Attention
#
# **How does a model decide which earlier words matter for the next one?**
#
# After this lesson you can
#
# - write attention in three lines, and say what each line is for;
# - hide the future from a model, and prove that nothing leaks;
# - find the head that does a job inside a trained model, and tell where it looks from what it needs.
#
# *40 minutes to read, about 25 seconds to run on two cores. Needs lesson 06.*

# %% [markdown]
# Run this cell first. It chooses the number of threads, fixes the random seed and says what it found.

# %% tags=["setup"]
import copy
import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import data, measure, training
from course_utils.language import attention_maps
from course_utils.layers import Attention, attention, attention_weights
from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("07", seed=0)
claims = Claims("07")
sizes = course.sizes(
    cpu=dict(num_steps=400, num_tests=1000),
    gpu=dict(num_steps=1500, num_tests=4000),
)

# %% [markdown]
# ## The claim
#
# The article that this course tests says of language models:
#
# > *Uses self-attention to weigh the importance of different parts of the input sequence.*
#
# *Weigh* is exact: attention is a weighted average, and we build it. *Importance* is a bigger word. At the end of this lesson a
# model has to show us whether large weights and importance are the same thing.

# %% [markdown]
# ## A first look
#
# Here is a text with two pronouns. How many legs has *she*? How many has *it*? A word alone cannot say. It has to ask the other words.

# %%
words = ["Anna", "has", "a", "dog", ".", "she", "feeds", "it"]
place = {word: index for index, word in enumerate(words)}

# %% [markdown]
# Each word gets three things:
#
# - a **key**: what it offers. Our keys have two numbers, *I am a person* and *I am an animal*;
# - a **query**: what it asks for, in the same two numbers;
# - a **value**: what it tells whoever asks. Ours is one number: legs.
#
# Here we write them by hand. In a trained model, each is a linear map of the word's vector.

# %%
query, key, value = torch.zeros(8, 2), torch.zeros(8, 2), torch.zeros(8, 1)
key[place["Anna"]] = torch.tensor([1.0, 0.0])
key[place["dog"]] = torch.tensor([0.0, 1.0])
query[place["she"]] = torch.tensor([8.0, 0.0])  # seeks a person
query[place["it"]] = torch.tensor([0.0, 8.0])  # seeks an animal
value[place["Anna"]], value[place["dog"]] = 2, 4

# %% [markdown]
# Now the three lines. A query and a key that point the same way have a large product, the **score**. The softmax turns each row of
# scores into **weights** that are positive and sum to one. The output is the average of the values under these weights:
#
# $$\text{weights} = \operatorname{softmax}\!\left(\frac{q\,k^\top}{\sqrt K}\right), \qquad \text{output} = \text{weights}\;v$$
#
# $K$ is the number of entries in a key, here 2. Why its root is there is a question for later.

# %%
scores = query @ key.T / math.sqrt(key.shape[-1])  # (8, 8)
weights = scores.softmax(dim=-1)  # each row sums to 1
output = weights @ value  # (8, 1)

for word in ("she", "it", "has"):
    print(f"{word:4} {float(output[place[word]]):.2f} legs")

# %% [markdown]
# *She* has about two legs, *it* about four. *Has* asked for nothing: all its scores are equal, and it gets the average of all words.
#
# *The figure: eight rows of weights. The row of "she" is dark at "Anna", the row of "it" at "dog". All other rows are even.*

# %%
plots.heatmap(
    weights,
    xticks=words,
    yticks=words,
    xlabel="looked at",
    ylabel="looks",
    title="Each row shares one unit of attention",
)

# %% [markdown]
# Read such an **attention map** row by row: row $i$ says where word $i$ looks.

# %% [markdown]
# ### Exercise 07.1 - Attention weights (5 min, easy)
#
# Return the weights for the queries and keys of one text.
#
# <details><summary>Hint</summary>
#
# First `query @ key.T`, then divide, then the softmax. Each query shares out its attention among the keys, so each *row* sums to one.
#
# </details>


# %% tags=["exercise"]
def look(query: Tensor, key: Tensor) -> Tensor:
    """Return the attention weights, softmax(q k^T / sqrt(K)).

    Args:
        query: (T, K) what each position asks for.
        key: (T, K) what each position offers.

    Returns:
        (T, T) weights; row i says where position i looks, and sums to 1.
    """
    # BEGIN SOLUTION
    scores = query @ key.T / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1)
    # END SOLUTION


# %% tags=["check"]
checks.run("07.1", look)

# %% [markdown]
# ## Is this what torch computes?
#
# `course_utils.layers.attention` holds the same three lines. torch has them as one **fused kernel**, a single operation that never stores
# the weights. Both get the same random queries, keys and values: 4 texts, 50 positions, 16 entries, and 2 **heads**, which are attentions
# side by side. `causal=True` hides later positions. Both have their own section below.

# %%
generator = torch.Generator().manual_seed(course.seed)
q, k, v = torch.randn(3, 4, 2, 50, 16, generator=generator)
ours, fused = (
    attention(q, k, v, causal=True),
    F.scaled_dot_product_attention(q, k, v, is_causal=True),
)
unscaled = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)


def largest(difference: Tensor) -> float:
    """The largest absolute entry."""
    return float(difference.detach().abs().max())


claims.check("three lines by hand equal torch's fused kernel", largest(ours - fused), "<", 1e-5)
claims.check("control: without the root of K they do not", largest(ours - unscaled), ">", 0.1)

# %% [markdown]
# A **layer** of attention adds the linear maps that make q, k and v, and one that mixes the result. torch's own layer is
# `nn.MultiheadAttention`. We give it the weights of ours.

# %%
layer = Attention(32, num_heads=4, causal=True)
torchs = nn.MultiheadAttention(32, num_heads=4, bias=False, batch_first=True)
torchs.in_proj_weight.data, torchs.out_proj.weight.data = layer.qkv.weight, layer.project.weight

x = torch.randn(4, 50, 32, generator=generator)
later = torch.ones(50, 50, dtype=torch.bool).triu(1)  # True where it must not look
theirs, _ = torchs(x, x, x, attn_mask=later)
claims.check("our layer equals torch's layer", largest(layer(x) - theirs), "<", 1e-5)

# %% [markdown]
# ## Why divide by the root of K?
#
# A score is a sum of $K$ products. If the entries of $q$ and $k$ are independent, with mean zero and variance one, the score has variance $K$. Wide heads would have
# wild scores, and the softmax of wild scores is nearly all or nothing.
#
# We measure it. The **entropy** of a row says how spread out its weights are: log 64 nats if all of 64 positions get the same, 0 if
# one gets everything.

# %%
widths = [4, 16, 64, 256, 1024]
variance, spread = {"divided": [], "control": []}, {"divided": [], "control": []}
for width in widths:
    q, k = torch.randn(2, 50, 64, width, generator=generator)
    raw = q @ k.mT  # (50, 64, 64)
    for name, scores in {"divided": raw / math.sqrt(width), "control": raw}.items():
        variance[name].append(float(scores.var()))
        spread[name].append(float(measure.entropy(scores.softmax(dim=-1)).mean()))

# %% [markdown]
# *The figure: on the left, the variance of the scores against the width of the head. It stays at one when divided, and rises as the
# width when not. On the right, the entropy of the weights: flat when divided, falling towards zero when not.*

# %%
figure, (left, right) = plots.panels(
    2,
    title="Dividing by the root of K keeps the softmax undecided at every width",
    titles=["variance of the scores", "entropy of the weights, in nats"],
)
axis = {"xlabel": "K, the width of a head", "logx": True}
named = {"divided": "by root K", "control": "control: not"}
plots.curves({named[n]: (widths, variance[n]) for n in named}, logy=True, ax=left, **axis)
plots.curves(
    {named[n]: (widths, spread[n]) for n in named},
    references={"even": math.log(64)},
    ax=right,
    **axis,
)
figure

# %%
off = max(abs(v - 1) for v in variance["divided"])
claims.check("divided, scores have variance one at every width (error)", off, "<", 0.1)
claims.check(
    "control: undivided, the variance grows as the width", variance["control"][-1], ">", 500
)
claims.check("divided, weights stay spread (lowest entropy, nats)", min(spread["divided"]), ">", 3)
claims.check("control: undivided, a wide head looks at one place", spread["control"][-1], "<", 0.5)

# %% [markdown]
# A head that starts all or nothing has chosen before it learned anything. A small change of its scores then changes hardly any weight, so
# little gradient can correct it. This is the reason that Vaswani et al. 2017 give; we did not measure it.

# %% [markdown]
# ## Do not look ahead
#
# A language model predicts the next token. In training it sees the whole text at once, so the answer stands right there, one place to
# the right. The **causal mask** hides it: before the softmax, the score of every later position becomes $-\infty$. Its weight is then zero,
# and the rest still sums to one.
#
# *The figure: the weights of our eight words again, now with the mask. The hatched triangle is hidden. "she" still finds "Anna".*

# %%
plots.heatmap(
    attention_weights(query[None, None], key[None, None], causal=True)[0, 0],
    xticks=words,
    yticks=words,
    hidden=torch.ones(8, 8).triu(1),
    title="With the mask, nobody looks to the right",
)

# %% [markdown]
# *Hidden* must mean hidden. We change the token at position 20, and look at the outputs of positions 0 to 19. They must be not nearly
# but exactly the same. The control is the same layer without the mask.

# %%
changed = x.clone()
changed[:, 20] += 1.0
blind = layer(changed) - layer(x)

layer.causal = False
sighted = layer(changed) - layer(x)
layer.causal = True

claims.check(
    "with the mask, a later token moves no earlier output", largest(blind[:, :20]), "==", 0
)
claims.check("control: without the mask it does", largest(sighted[:, :20]), ">", 1e-3)

# %% [markdown]
# ### Exercise 07.2 - The causal mask (5 min, medium)
#
# Turn scores into weights that never look ahead.
#
# <details><summary>Hint</summary>
#
# `torch.ones(T, T, dtype=torch.bool).triu(1)` is True above the diagonal. `scores.masked_fill(where, value)` writes a value there.
# Position $i$ may look at itself.
#
# </details>


# %% tags=["exercise"]
def causal_weights(scores: Tensor) -> Tensor:
    """Return the attention weights, with every later position hidden.

    Args:
        scores: (T, T) query times key, divided already; row i belongs to position i.

    Returns:
        (T, T) weights; each row sums to 1, and weight [i, j] is 0 where j > i.
    """
    # BEGIN SOLUTION
    later = torch.ones_like(scores, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -math.inf).softmax(dim=-1)
    # END SOLUTION


# %% tags=["check"]
checks.run("07.2", causal_weights)

# %% [markdown]
# ## Several heads
#
# *Feeds* has two questions: who feeds, and who is fed? We let it ask for a person and an animal at once.

# %%
both = torch.tensor([8.0, 8.0])
one_head = (both @ key.T / math.sqrt(2)).softmax(dim=-1) @ value
two_heads = [
    (asked @ key.T / math.sqrt(2)).softmax(dim=-1) @ value
    for asked in torch.tensor([[8.0, 0.0], [0.0, 8.0]])
]
print(f"one head:  {float(one_head):.1f} legs")
print(f"two heads: {float(two_heads[0]):.1f} and {float(two_heads[1]):.1f} legs")

# %% [markdown]
# One average mixes two answers into a creature with three legs. So a layer has several **heads**: it cuts the vectors of width $D$ into $H$
# pieces of width $K = D/H$, lets each head attend by itself, and joins the outputs again.

# %% [markdown]
# ### Exercise 07.3 - Split into heads (10 min, medium)
#
# Head 0 gets the first $K$ entries of every position, head 1 the next $K$, and so on.
#
# <details><summary>Hint</summary>
#
# Two steps. First cut the last axis in two: `x.unflatten(-1, (num_heads, -1))`. Then swap two axes, so that each head holds all
# positions. A single `reshape` has the right shape and the wrong numbers.
#
# </details>


# %% tags=["exercise"]
def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Return the piece of each head.

    Args:
        x: (B, T, D) queries, keys or values of all heads.
        num_heads: H; D is divisible by it.

    Returns:
        (B, H, T, K) with K = D / H.
    """
    # BEGIN SOLUTION
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    # END SOLUTION


# %% tags=["check"]
checks.run("07.3", split_heads)

# %% [markdown]
# ## Attention does not know the order
#
# A weighted average is a sum, and a sum has no order. So the last word of a text gets the same output however we shuffle the words before
# it. A language model must not be like that: *dog bites Anna* is not *Anna bites dog*.
#
# The remedy is simple: add to each word a vector that belongs to its **position**. We test three cases, with our untrained layer.

# %%
shuffled = torch.cat([torch.randperm(49, generator=generator), torch.tensor([49])])
places = torch.randn(50, 32, generator=generator)


def moved(model) -> float:
    """How far the last output moves when the past is shuffled."""
    return largest(model(x)[:, -1] - model(x[:, shuffled])[:, -1])


no_positions = moved(layer)
with_positions = moved(lambda x: layer(x + places))
two_layers = moved(lambda x: layer(x + layer(x)))
print(
    f"moved by {no_positions:.0e}, with positions {with_positions:.2f}, two layers {two_layers:.2f}"
)

claims.check("one layer without positions: a shuffled past moves nothing", no_positions, "<", 1e-5)
claims.check("control: with positions it does", with_positions, ">", 0.01)
claims.check("two causal layers without positions: it moves too", two_layers, ">", 0.01)

layer.causal = False
unmasked = moved(lambda x: layer(x + layer(x)))
layer.causal = True
claims.check("control: two layers without the mask: nothing moves", unmasked, "<", 1e-5)

# %% [markdown]
# The first number is rounding. The third is a surprise worth a thought. No position was added, and yet the second layer feels the order.
# The mask is the reason: in layer 1, each word has seen only what stood before it. That marks its place. Remember it; it comes back.

# %% [markdown]
# ## A task that needs looking back
#
# Now we train. The task should be out of reach for a model that cannot look by content. Every text is written in a language that was
# made up for this text alone: the 16 letters a to p are shuffled and cut into 4 words of random length. The text strings these words
# together at random, without spaces.


# %%
def invent(count: int, num_letters=16, num_words=4, length=32) -> tuple[Tensor, Tensor]:
    """Texts (count, length + 1), and where (count, length) the next letter can be known."""
    draw = partial(torch.rand, generator=generator)
    letters = draw(count, num_letters).argsort(1)
    cut = draw(count, num_letters - 1).argsort(1).argsort(1) < num_words - 1
    edge = torch.ones(count, 1, dtype=torch.bool)
    first, last = torch.cat([edge, cut], 1), torch.cat([cut, edge], 1)  # of a word
    begin = torch.multinomial(first.float(), length + 1, replacement=True, generator=generator)
    steps = [begin[:, :1]]
    for next_word in begin[:, 1:].split(1, dim=1):
        here = steps[-1]
        steps.append(torch.where(last.gather(1, here), next_word, here + 1))
    path = torch.cat(steps, 1)
    text = letters.gather(1, path)
    seen = (text[:, :, None] == text[:, None, :]).tril(-1).any(-1)
    return text, (seen & ~last.gather(1, path))[:, :-1]


# %% [markdown]
# The next letter can be **known** when the present one has been seen before, and its word goes on. Then the answer stands in the text: it
# is the letter after the earlier copy. Where a word ends the next one is drawn at random; nobody can know its letter, so we do not count
# it. The marks below stand under the letters that can be known.


# %%
def spell(text: Tensor) -> str:
    """Token 0 is a, token 1 is b, and so on."""
    return "".join(chr(ord("a") + token) for token in text.tolist())


tests, known = (t.to(course.device) for t in invent(sizes.num_tests))
for text, knows in zip(tests[:3], known[:3], strict=True):
    print(spell(text))
    print(" " + "".join("^" if k else " " for k in knows.tolist()))

# %% [markdown]
# The words are new in every text. So nothing about them can be learned by heart. All that can be learned is a way of reading: *find where
# this letter stood before, and look at what came after it*.
#
# The model is as small as can be: letters and positions in, layers of attention, logits out. Each layer adds what it finds to what it got,
# and a norm before it keeps the sizes in check. There is no MLP between the layers. Whatever this model finds out, it finds by attention.


# %%
class Reader(nn.Module):
    """Tokens (B, T) in, logits (B, T, V) out; between them nothing but layers of attention."""

    edges = ("embed", "logits")  # AdamW trains these, Muon the matrices between them

    def __init__(self, num_layers=2, kind=Attention, width=64, num_heads=4, num_letters=16):
        super().__init__()
        self.embed = nn.Embedding(num_letters, width)
        self.place = nn.Embedding(32, width)
        self.layers = nn.ModuleList(kind(width, num_heads, causal=True) for _ in range(num_layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(num_layers + 1))
        self.logits = nn.Linear(width, num_letters)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.place.weight[: tokens.shape[1]]
        for norm, layer in zip(self.norms, self.layers, strict=False):
            x = x + layer(norm(x))
        return self.logits(self.norms[-1](x))


# %% [markdown]
# The objective is the one of lesson 06, cross-entropy of the next letter, counted only where it can be known.


# %%
def known_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    text, known = batch
    return F.cross_entropy(model(text[:, :-1])[known], text[:, 1:][known])


@torch.no_grad()
def accuracy(model: nn.Module, text: Tensor = tests, known: Tensor = known) -> float:
    """Share of the letters that can be known that the model gets right."""
    right = model(text[:, :-1]).argmax(-1) == text[:, 1:]
    return float(right[known].float().mean())


# %% [markdown]
# Every model of this lesson goes through one function, with one learning rate. All readers of this task also get the same texts, and so
# the same number of steps. The optimizer is **Muon**: it makes the step of each matrix between the first and the last layer equally large in
# all directions. Everything else is left to AdamW.


# %%
def trained(name: str, model: nn.Module, texts: tuple[Tensor, Tensor]) -> nn.Module:
    """Train on texts, 32 in a batch, each seen once."""
    training.fit(
        model.to(course.device),
        data.Batches(*texts, batch_size=32, seed=course.seed).to(course.device),
        known_loss,
        num_steps=len(texts[0]) // 32,
        optimizer=training.muon,
        learning_rate=0.03,
        checkpoint=course.checkpoint(name),
    )
    return model


texts = invent(32 * sizes.num_steps)
reader = trained("reader", Reader(), texts)
print(f"right where it can be known: {accuracy(reader):.1%}")

# %% [markdown]
# ### What does it need?
#
# Three controls, each with one thing taken away:
#
# - **one layer** instead of two;
# - **no positions**: the position vectors are zero and stay zero;
# - **positions alone**: queries and keys are made from the position, never from the letter. Each place still chooses where to look,
#   but it chooses the same for every text.


# %%
class PositionAttention(Attention):
    """Attention that cannot choose by content: q and k see the position only."""

    def __init__(self, width: int, num_heads: int, *, causal: bool):
        super().__init__(width, num_heads, causal=causal)
        self.place = nn.Parameter(torch.randn(32, width))

    def split(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        _, _, value = super().split(x)
        query, key, _ = super().split(self.place[: x.shape[1]].expand_as(x))
        return query, key, value


orderless = Reader()
nn.init.zeros_(orderless.place.weight).requires_grad_(False)

controls = {
    "control: one layer": trained("one_layer", Reader(num_layers=1), texts),
    "control: no positions": trained("orderless", orderless, texts),
    "control: positions alone": trained("places", Reader(kind=PositionAttention), texts),
}

# %% [markdown]
# How good is guessing? There are 16 letters, but a clever guesser names only letters that it has seen. We compute its score.
#
# *The figure: four bars. Two layers are nearly always right, and the model without positions comes close behind. One layer and positions alone stay
# far below.*

# %%
kinds = F.one_hot(tests[:, :-1], 16).cumsum(1).gt(0).sum(-1)  # (N, T) letters seen so far
guessing = float((1 / kinds[known]).mean())
scores = {"model, two layers": accuracy(reader)}
scores |= {name: accuracy(model) for name, model in controls.items()}
plots.bars(
    scores,
    xlabel="share of the knowable letters that are predicted",
    form="{:.0%}",
    references={"guess a seen letter": guessing},
    title="Two layers that look by content read a language they have never seen",
)

# %%
one_layer, unordered, places_alone = list(scores.values())[1:]
claims.check("two layers of attention solve the task", scores["model, two layers"], ">", 0.95)
claims.check("control: one layer does not", one_layer, "<", 0.25)
claims.check("control: attention by position alone does not", places_alone, "<", 0.25)
claims.check("even without positions it gets far beyond guessing", unordered - guessing, ">", 0.3)

# %% [markdown]
# Is the last control fair, or is it broken? A task that positions alone *can* solve must tell. Eight letters in a circle come round
# again: every next letter has already stood eight places before itself.

# %%
circle = torch.rand(7000, 16, generator=generator).argsort(1)[:, torch.arange(33) % 8]
can_know = (torch.arange(32) >= 8).expand(len(circle), -1)
by_place = trained("circle", Reader(kind=PositionAttention), (circle[600:], can_know[600:]))
turned = accuracy(by_place, circle[:600].to(course.device), can_know[:600].to(course.device))
claims.check("positions alone do solve a task whose answer has a fixed place", turned, ">", 0.9)

# %% [markdown]
# And *no positions* nearly gets there. This is the surprise from above again: under a causal mask the second layer can tell the order,
# because each letter has seen a different past (Haviv et al. 2022). Do positions help at all? Set `num_steps=150` in the first cell, and see which of the
# two learns sooner.

# %% [markdown]
# ## Where does it look?
#
# The reader has two layers of four heads. For every head we ask two things. How much attention goes to the letter **just before**? And how
# much goes to the **answer**, the letter after an earlier copy of the present one?

# %%
inputs = tests[:, :-1]  # (N, T)
maps = torch.stack(attention_maps(reader, inputs))  # (2 layers, N, 4 heads, T, T)

answer = torch.zeros(len(inputs), 32, 32, dtype=torch.bool, device=course.device)
answer[:, :, 1:] = inputs[:, :, None] == inputs[:, None, :-1]  # j follows a copy of letter i
answer = answer.tril()

on_answer = (maps * answer[:, None]).sum(-1).transpose(2, 3)[:, known].mean(1)  # (2, 4)
just_before = maps.diagonal(-1, 3, 4).mean((1, 3))  # (2, 4)

# %% [markdown]
# *The figure: two maps of one text. In a head of layer 1, a dark line runs just below the diagonal, with a few gaps. In a head of layer
# 2, from the first repeated letter on, most dark cells stand far off the diagonal and carry a circle, which marks an answer. Dark cells
# without a circle stand in rows where a word has ended and the next letter cannot be known.*

# %%
size = 24  # letters shown, of a text in which ten of them lead to a known one
example = int((known[:, :size].sum(1) == 10).nonzero()[0])
letters = list(spell(inputs[example, :size]))
shown = maps[:, example, :, :size, :size].cpu()  # (2 layers, 4 heads, 24, 24)
goal = (answer[example] & known[example][:, None])[:size, :size].cpu()
future = torch.ones(size, size).triu(1)

before, after = int(just_before[0].argmax()), int(on_answer[1].argmax())
figure = plots.heatmap(
    torch.stack([shown[0, before], shown[1, after]]),
    titles=[f"layer 1, head {before + 1}", f"layer 2, head {after + 1}"],
    hidden=future,
    xticks=letters,
    yticks=letters,
    size=(8.0, 4.4),
    title="Layer 1 looks one back; layer 2 looks at what followed the earlier copy",
)
rows, columns = goal.nonzero().T
for ax in figure.axes[:2]:
    ax.plot(columns, rows, "o", markersize=5, markerfacecolor="none", color=plots.NOISY)
figure

# %%
claims.check("every head of layer 2 puts its attention on the answer", on_answer[1].min(), ">", 0.7)
claims.check("control: no head of layer 1 does", on_answer[0].max(), "<", 0.2)
claims.check("a head of layer 1 looks at the letter before", just_before[0].max(), ">", 0.4)

# %% [markdown]
# This is how we read the two maps; the tests follow. In layer 1 each letter takes a note of its predecessor: *I come after m*. In layer 2
# a new *m* asks: *who comes after m?* The note answers, and the letter that carries it is copied. Such a head of layer 2 is called an **induction head**
# (Elhage et al. 2021). One layer cannot do it, because the note has to be written before it can be found.

# %% [markdown]
# ## Turn it yourself
#
# Choose a position in the text, a layer and a head. The framed row is the one that looks; orange bars stand on the answer. Find the letter
# from which layer 2 starts to find its answers. Then stay there, and change to layer 1.


# %%
def show(position: int, layer: str, head: str):
    """Where one head looks from one position of the text above."""
    weights = shown[int(layer[-1]) - 1, int(head[-1]) - 1]
    row, hits = weights[position], goal[position]
    finding = (
        f"{float(row[hits].sum()):.0%} on the answer" if hits.any() else "no answer to be known"
    )
    figure, (left, right) = plots.panels(
        2,
        title=f"{layer}, {head}, position {position} ({letters[position]}): {finding}",
        size=(8.0, 3.9),
    )
    plots.heatmap(weights, hidden=future, limits=(0, 1), xticks=letters, yticks=letters, ax=left)
    left.axhspan(position - 0.5, position + 0.5, fill=False, edgecolor=plots.NOISY, linewidth=1.5)
    colors = [plots.ORANGE if hit else plots.MODEL for hit in hits]
    right.bar(range(size), row, color=colors)
    right.set_xticks(range(size), letters)
    right.set(ylim=(0, 1), ylabel="attention")
    return figure


widgets.slider(
    show,
    position=list(range(size)),
    layer=["layer 1", "layer 2"],
    head=[f"head {h}" for h in (1, 2, 3, 4)],
)

# %% [markdown]
# The same picture without a slider: an induction head, at the last letter shown that has an answer.
#
# *The figure: on the left the map with one row framed; on the right this row as bars. All bars that can be seen are orange: they stand on copies of the answer.*

# %%
show(position=int(rows.max()), layer="layer 2", head=f"head {after + 1}")

# %% [markdown]
# ## Take it away
#
# A map shows where a head looks. It does not show that the model needs the look. For that we remove heads and ask again.
#
# A head writes through its own columns of the last linear map of its layer. With zeros there, it says nothing.


# %%
def without(heads: list[tuple[int, int]]) -> float:
    """Accuracy when heads, given as (layer, head) from zero, are silent."""
    silenced = copy.deepcopy(reader)
    for layer, head in heads:
        columns = silenced.layers[layer].project.weight.unflatten(1, (4, -1))  # (D, H, K)
        columns.data[:, head] = 0
    return accuracy(silenced)


one_by_one = torch.tensor([[without([(layer, head)]) for head in range(4)] for layer in (0, 1)])
cost = accuracy(reader) - one_by_one  # (2, 4)

# %% [markdown]
# *The figure: three tables of two layers and four heads. In the first, layer 1 holds the larger numbers. In the second, all of layer 2 is
# dark. In the third, the accuracy lost when a head is removed, layer 2 is white.*

# %%
plots.heatmap(
    torch.stack([just_before.cpu(), on_answer.cpu(), cost]),
    titles=[
        "attention on the letter before",
        "attention on the answer",
        "accuracy lost without it",
    ],
    xticks=["head 1", "head 2", "head 3", "head 4"],
    yticks=["layer 1", "layer 2"],
    form="{:.2f}",
    limits=(0, 1),
    size=(8.0, 2.1),
    title="Every head of layer 2 looks at the answer, and none of them is missed",
)

# %% [markdown]
# Look at the lower row. Each head of layer 2 has nearly all of its attention on the answer. Remove any one, and nothing happens. The four
# do the same work, and three are enough.
#
# So we remove more: all of layer 2. As a control we remove three heads of layer 1, all but the one that looks most at the letter before;
# without that one the note could not be written.

# %%
idle = just_before[0].argsort()[:3].tolist()
gone = {
    "model, nothing removed": accuracy(reader),
    "without the four heads of layer 2": without([(1, head) for head in range(4)]),
    "control: without three of layer 1": without([(0, head) for head in idle]),
}

# %% [markdown]
# Finer still: we keep all heads and take single looks from layer 2. Either the looks at the answer, or, as a control, all *other* looks.
# Layer 2 is written out by hand for this, as in the first cells of the lesson.


# %%
@torch.no_grad()
def without_looks(hidden: Tensor) -> float:
    """Accuracy when layer 2 cannot look where hidden (N, T, T) is True."""
    x = reader.embed(inputs) + reader.place.weight
    x = x + reader.layers[0](reader.norms[0](x))
    _, _, value = reader.layers[1].split(reader.norms[1](x))
    left = maps[1].masked_fill(hidden[:, None], 0)
    left = left / left.sum(-1, keepdim=True).clamp(min=1e-9)  # sums to 1 again
    x = x + reader.layers[1].project((left @ value).transpose(1, 2).flatten(2))
    right = reader.logits(reader.norms[2](x)).argmax(-1) == tests[:, 1:]
    return float(right[known].float().mean())


gone["without looks at the answer"] = without_looks(answer)
gone["control: without all other looks"] = without_looks(~answer)

# %% [markdown]
# *The figure: five bars. Without layer 2 less is left than a guess would give, and without its looks at the answer next to nothing. Both
# controls stay near the top.*

# %%
plots.bars(
    gone,
    xlabel="share of the knowable letters that are predicted",
    form="{:.0%}",
    title="The looks at the answer carry the whole result",
)

# %%
_, no_layer_2, idle_gone, no_answer, only_answer = gone.values()
claims.check("without the heads of layer 2 nothing is left", no_layer_2, "<", 0.2)
claims.check("control: three heads of layer 1 can go", idle_gone, ">", 0.7)
claims.check("without the looks at the answer nothing is left", no_answer, "<", 0.1)
claims.check("control: all other looks can go", only_answer, ">", 0.95)

# %% [markdown]
# ## Where the claim stops being true
#
# *Weigh the importance of different parts of the input.* Two measurements say that one weight is not one importance. Jain & Wallace 2019
# said so first, of other models and by other measurements.
#
# The first is above, one head at a time. Together the looks at the answer carry everything. Yet any one head that looks there can be
# removed for nothing, because the others do the same work. The costliest single head sits in layer 1, and gives the answer hardly a
# glance. Even that one costs little.

# %%
costliest = int(cost[0].argmax())
print(
    f"each head of layer 2: at least {on_answer[1].min():.0%} on the answer, costs at most {cost[1].max():.1%}"
)
print(
    f"layer 1, head {costliest + 1}: {on_answer[0, costliest]:.0%} on the answer, costs {cost[0].max():.1%}"
)

claims.check("any single head of layer 2 can go for next to nothing", cost[1].max(), "<", 0.03)
ratio = cost[0].max() / cost[1].max().clamp(min=1e-3)
claims.check("the costliest head sits in layer 1 (times the cost)", ratio, ">", 2)

# %% [markdown]
# The second is about the input itself. Take the first letter of each text whose answer can be known. Its earlier copy is at some place $j$, the answer at $j+1$.
# We change one earlier letter and see whether the model still gives the old answer: the letter at $j+1$, the copy at $j$, or, as a
# control, any other one. And we compare with the attention of layer 2 on that place.

# %%
now = known.int().argmax(1, keepdim=True)  # (N, 1) the first letter that repeats
copy_at = (inputs == inputs.gather(1, now)).int().argmax(1, keepdim=True)  # where it stood before
steps = torch.arange(32, device=course.device)
others = (steps < now) & (steps != copy_at) & (steps != copy_at + 1)  # (N, T)
use = known.any(1) & others.any(1)
another = torch.multinomial(others[use].float().cpu(), 1, generator=generator).to(course.device)
now, spots = now[use], {"the answer": copy_at[use] + 1, "the copy before it": copy_at[use]}
spots["control: another letter"] = another


# %% [markdown]
# For each of the three places: how much attention does it get, and how often does the old answer survive when the next letter of the
# alphabet is written there?


# %%
@torch.no_grad()
def after_change(spot: Tensor) -> tuple[float, float]:
    """Attention of layer 2 on a spot (N, 1), and how often the old answer survives a change there."""
    rows = torch.arange(len(now), device=course.device)
    weight = maps[1][use].mean(1)[rows, now[:, 0], spot[:, 0]].mean()
    text = inputs[use]
    changed = text.scatter(1, spot, (text.gather(1, spot) + 1) % 16)
    guess = reader(changed).argmax(-1).gather(1, now)
    return float(weight), float((guess == tests[use].gather(1, now + 1)).float().mean())


looked, survived = zip(*(after_change(spot) for spot in spots.values()), strict=True)

# %% [markdown]
# *The figure: two groups of three bars. On the left, attention: high on the answer, near zero on the two others. On the right, the share of
# old answers that a change breaks: high for the answer and for the copy, low for the other letter.*

# %%
figure, (left, right) = plots.panels(
    2,
    title="The copy gets almost no attention, and the answer hangs on it",
    titles=["attention of layer 2 on the letter", "answers that break when it is changed"],
    size=(8.0, 2.2),
)
plots.bars(dict(zip(spots, looked, strict=True)), form="{:.0%}", ax=left)
broken = {name: 1 - share for name, share in zip(spots, survived, strict=True)}
plots.bars(broken, form="{:.0%}", ax=right)
right.set_yticks([])
figure

# %%
claims.check("the copy gets little of the attention of layer 2", looked[1], "<", 0.15)
claims.check(
    "yet most answers break when the copy is changed", broken["the copy before it"], ">", 0.6
)
claims.check("control: another letter can be changed", broken["control: another letter"], "<", 0.15)

# %% [markdown]
# Layer 2 does not see letters alone. It sees each letter together with what layer 1 has added at its place, and the note about the copy
# lies one place further on. A map of one layer cannot show that. Weights say where a head reads; only a change says what the answer needs. How far
# maps may still serve as explanations is disputed (Wiegreffe & Pinter 2019).

# %% [markdown]
# ### The price
#
# The scores are a table of $T \times T$, so twice the text needs four times as many. We count the operations of one GPT block, attention
# and an MLP (lesson 08), of width 128, without running it: tensors on the device `meta` have a shape and no content.

# %%
lengths = [64, 128, 256, 512, 1024, 2048, 4096]
look_cost, rest_cost = [], []
maps_each = nn.Linear(128, 12 * 128, bias=False, device="meta")  # q, k, v, the output and an MLP
for length in lengths:
    each = torch.empty(1, 4, length, 32, device="meta")
    look_cost.append(measure.forward_flops(partial(attention, causal=True), each, each, each))
    rest_cost.append(measure.forward_flops(maps_each, torch.empty(1, length, 128, device="meta")))

# %% [markdown]
# *The figure: two straight lines on logarithmic axes. The line of the looks is twice as steep, and crosses the other between 512 and 1024 tokens.*

# %%
plots.curves(
    {"looks": (lengths, look_cost), "linear maps": (lengths, rest_cost)},
    xlabel="tokens in the text",
    ylabel="operations",
    logx=True,
    logy=True,
    title="Looking grows with the square of the text, all else in proportion to it",
)

# %%
claims.check(
    "twice the text, four times the looks", look_cost[-1] / look_cost[-2], "within", (3.9, 4.1)
)
rest_ratio = rest_cost[-1] / rest_cost[-2]
claims.check("control: twice the text, twice the linear maps", rest_ratio, "within", (1.9, 2.1))

# %% [markdown]
# ## What was measured

# %%
claims.table()

# %% tags=["nbval-check-output"]
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# Attention belongs to neither family. `course_utils/layers/` holds one `Attention` for both:
#
# | | diffusion | language |
# |---|---|---|
# | what looks at what | patches of one noisy image | tokens of one text |
# | the mask | none: `causal=False` | later tokens: `causal=True` |
# | why | the whole image is there at once | the next token is the question |
# | what else comes in | the time `t`, and the position | the position |
#
# Lesson 05 puts the same layer into a denoiser.
#
# ## Papers
#
# - Jordan et al. 2024, *Muon: an optimizer for hidden layers in neural networks*, kellerjordan.github.io/posts/muon.
# - Bahdanau et al. 2015, *Neural machine translation by jointly learning to align and translate*, arXiv:1409.0473: the idea.
# - Vaswani et al. 2017, *Attention is all you need*, arXiv:1706.03762: equation 1, the root of K, the heads.
# - Jain & Wallace 2019, *Attention is not explanation*, arXiv:1902.10186, and the reply of Wiegreffe & Pinter 2019, *Attention is not not
#   explanation*, arXiv:1908.04626.
# - Elhage et al. 2021, *A mathematical framework for transformer circuits*, transformer-circuits.pub/2021/framework: attention-only models,
#   induction heads.
# - Olsson et al. 2022, *In-context learning and induction heads*, arXiv:2209.11895: the same heads in large models.
# - Haviv et al. 2022, *Transformer language models without positional encodings still learn positional information*, arXiv:2203.16634.
