# %% [markdown]
# # 06 · Token prediction
#
# **What does it mean to predict the next token, and how good can a prediction get?**
#
# After this lesson you can
#
# - write a language model that counts, and one that learns, with its training loop and its sampling loop;
# - measure a language model, and say how far it is from perfect;
# - tell a model that has learned from one that has only memorised.
#
# *45 minutes to read, an hour more for the exercises, about a minute to run on two cores. Needs no earlier lesson. Worked answers to the
# exercises are in the [answer booklet](answers/06_token_prediction.ipynb).*

# %% [markdown]
# Run this cell first.

# %% tags=["setup"]
import torch

from course_utils import data
from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup

course = setup("06", seed=0)
claims = Claims("06")
sizes = course.sizes(
    cpu=dict(num_stories=10_000, num_steps=700),
    gpu=dict(num_stories=30_000, num_steps=2000),
)

# %% [markdown]
# ## The claim
#
# [The article that this course tests](../docs/article.md) says of large language models:
#
# > *The model learns to predict the next token (word or subword) given previous context.*
#
# Four words need a closer look. What is a *prediction*? How much does *context* help? How do we see that a model *learns*, and does not
# just remember? And what is a *token*?

# %% [markdown]
# ## Count, then write
#
# *What is the smallest model that can write?* Our texts are little stories. A **grammar** writes them: rules that we know completely, so later
# we can say what a perfect model would do. One of its rules, with the probability of each choice:

# %%
stories = data.stories()
for choice in stories.rules["<where>"]:
    print(f"{choice.prob:.2f} ", *choice.parts)

# %% [markdown]
# The words in brackets have rules of their own. A few stories:

# %%
train_text = "".join(stories.sample(sizes.num_stories, seed=course.seed))
print(train_text[:560])

# %% [markdown]
# A model sees numbers, so each different word, punctuation mark and line break gets one. Such a piece with a number is a **token**, and
# the list of all of them is the **vocabulary**, of size $V$.

# %%
from course_utils.language import WordTokenizer

tokenizer = WordTokenizer.train(train_text)
tokens = tokenizer.encode(train_text).to(course.device)  # (T,)
V = tokenizer.vocab_size
print(f"{len(tokens):,} tokens, {V} different ones:", tokens[:12].tolist())

# %% [markdown]
# The smallest model looks at one token and asks: what followed it in the text, and how often? It counts neighbours, and so is called a
# **bigram**. Row by row, counts become shares.

# %%
from collections import Counter
from itertools import pairwise

counts = torch.zeros(V, V)
for (before, after), times in Counter(pairwise(tokens.tolist())).items():
    counts[before, after] = times
table = counts / counts.sum(dim=1, keepdim=True)  # (V, V), each row adds up to 1

# %% [markdown]
# This table is a whole language model: for each context a row, and in it a probability for each token that may come next.
# The row of *found*, beside what the grammar itself says (what stood before *found* does not matter to it here):

# %%
row = table[tokenizer.encode("found").item()]
likely = {tokenizer.tokens[i]: round(float(row[i]), 3) for i in row.topk(2).indices}
print("bigram: ", likely)
said = stories.next_token_probs("Long ago Mia found")
print("grammar:", {word: round(p, 3) for word, p in said.items()})

# %% [markdown]
# Counting found the rule: *a* twice as often as *an*. But the model names no next token. It gives a probability to each one, and whoever
# samples makes the choice.

# %% [markdown]
# ### The sampling loop
#
# To write, draw a token, put it at the end, and ask again. A model answers with one number for every token that might come next. These
# numbers are called **logits**. Any number is allowed; the **softmax**
#
# $$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$
#
# makes probabilities of logits $z$. Three tokens with the logits 2, 1 and 0 have $e^z$ = 7.39, 2.72 and 1, together 11.11. So their
# probabilities are 0.67, 0.24 and 0.09.
#
# Our table holds probabilities already. Their logarithms can serve as logits, since $e^{\log p} = p$; the logarithm of 0 is $-\infty$, and the
# softmax makes 0 of it again.
#
# A model reads B texts of T tokens at once, shape (B, T), and answers after each token of each: logits of shape (B, T, V). To write, we
# need only those after the last token.


# %%
def write(model, text, num_new, generator):
    """Extend texts (B, T) by num_new tokens, one call of the model for each."""
    for _ in range(num_new):
        logits = model(text)[:, -1]  # (B, V), after the last token
        probs = logits.softmax(dim=-1)
        newest = torch.multinomial(probs.cpu(), 1, generator=generator)  # (B, 1), drawn
        text = torch.cat([text, newest.to(text.device)], dim=1)
    return text


# %% [markdown]
# A line break starts a new story. Sixty tokens are one or two stories. Guess first: will they make sense?


# %%
def counted(text):
    return table.log()[text.cpu()]  # (B, T, V), the row of each token


line_break = tokenizer.encode("\n").to(course.device)  # (1,)
generator = torch.Generator().manual_seed(course.seed)
print(tokenizer.decode(write(counted, line_break[None], 60, generator)[0]))

# %% [markdown]
# Every two neighbours go together, and the whole stumbles. So we have a model that writes, and one token of context is not enough.

# %% [markdown]
# ### Exercise 06.1 - Temperature (10 min, easy)
#
# A writer can be made bolder or more careful: divide the logits by a **temperature** before the softmax. At 1 nothing changes. Above 1 the
# choices become more even. Towards 0 the likeliest token takes all, and at 0 it gets probability 1.
#
# <details><summary>Hint</summary>
#
# Nothing can be divided by 0: treat it on its own. `torch.nn.functional.one_hot(places, logits.shape[-1])` makes rows with a single 1, of whole
# numbers. If you write the softmax yourself, sum with `keepdim=True`, and think of what `exp` makes of 10,000.
#
# </details>


# %% tags=["exercise"]
def probs_at(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the probabilities of the next token at a temperature.

    Args:
        logits: (B, V), of any size; -inf for what is impossible.
        temperature: at least 0.

    Returns:
        (B, V) floating point, each row adds up to 1. At temperature 0: 1 for the largest logit
        of each row, 0 for all others.
    """
    # BEGIN SOLUTION
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    return (logits / temperature).softmax(dim=-1)
    # END SOLUTION


# %% tags=["check"]
checks.run("06.1", probs_at)

# %% [markdown]
# ## What was never seen
#
# *Can we trust the counts?* How large a share of the table is zero? Guess before you run the cell.

# %%
print(f"{(table == 0).float().mean():.0%} of the table is zero")

# %% [markdown]
# A pair that was never counted may be against the rules, or only rare. Counts cannot tell these two apart, so we never trust them
# alone. With $c(h, w)$ for how often token $w$ followed context $h$,
#
# $$P(w \mid h) = \frac{c(h, w) + k\,P(w \mid h')}{c(h) + k}$$
#
# where $c(h)$ is the sum of the row and $h'$ is the shorter context, $h$ without its oldest token. The shorter context counts like $k$ more
# observations; $k$ is called the **strength**. What is frequent is believed, what is rare leans on the shorter context.
#
# An example: a context was seen 4 times, and 3 times the token $w$ followed. The shorter context gives $w$ a probability of 0.1. With
# $k = 8$ the mixture is $(3 + 8 \cdot 0.1) / (4 + 8) = 0.32$, between 0.75 and 0.1.


# %%
def mix(counts, shorter, strength=8.0):
    return (counts + strength * shorter) / (counts.sum(dim=-1, keepdim=True) + strength)


uniform = torch.full((V,), 1 / V)  # knows nothing
unigram = mix(torch.bincount(tokens.cpu(), minlength=V), uniform)  # (V,) without any context
bigram = mix(counts, unigram)  # (V, V) after each token

# %% [markdown]
# The package has the same model for every length of context, `NGram`. **Order** 0 is uniform, order 1 knows how frequent each token is
# (unigram), order $n$ sees the last $n-1$ tokens, or what there is. Does it count as we do? A line with ✓ is a **check**: what was
# measured, and the bound that it must keep. All are collected at the end.

# %% tags=["measure"]
# @title Page and package count alike
from course_utils.language import NGram

models = {"bigram": NGram(2, V).fit(tokens)}
theirs = models["bigram"](torch.arange(V, device=course.device)[None])[0].exp().cpu()  # (V, V)
claims.check(
    "counting: page and package give the same probabilities (difference)",
    (theirs - bigram).abs().max(),
    "<",
    1e-5,
)

# %% [markdown]
# ### Exercise 06.2 - Count and back off (25 min, hard)
#
# Write the n-gram of any order, straight from the formula above. The page went one step down, from one token of context to none.
# Here the context may have any length (order = length + 1), and below the empty one is the uniform level, $1/V$ for each token.
# Count in the text itself, without a table: your function answers for a single context. It may wait until you have read on.
#
# <details><summary>Hint</summary>
#
# Go from the empty context to the whole one, and let each level mix into the next. The last `length` tokens of a context are
# `context[len(context) - length :]`; `context[-length:]` goes wrong for one length. $c(h)$ counts the tokens that followed $h$.
#
# </details>


# %% tags=["exercise"]
def back_off(text: list[int], context: list[int], vocab_size: int, strength: float) -> torch.Tensor:
    """Return the probability of every next token after a context, by counts in a text.

    Args:
        text: tokens to count in; may be empty.
        context: the tokens before the one to predict, the newest last; may be empty.
        vocab_size: V.
        strength: k, above 0.

    Returns:
        (V,) floating point, adding up to 1.
    """
    # BEGIN SOLUTION
    probs = torch.full((vocab_size,), 1 / vocab_size)
    for length in range(len(context) + 1):
        wanted = context[len(context) - length :]
        counts = torch.zeros(vocab_size)
        for i in range(length, len(text)):
            if text[i - length : i] == wanted:
                counts[text[i]] += 1
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs
    # END SOLUTION


# %% tags=["check"]
checks.run("06.2", back_off)

# %% [markdown]
# ### Four tokens of context
#
# `sample`, the package's loop, gives a record after each token: `state` is the text so far. `last` waits for the final
# one. Does it write what our loop writes?

# %% tags=["measure"]
# @title Page and package write the same hundred stories
from course_utils.language import sample
from course_utils.records import last

start = line_break.expand(100, 1)  # a hundred stories at once
ours = write(models["bigram"], start, 60, torch.Generator().manual_seed(course.seed))
steps = sample(
    models["bigram"], start, max_new_tokens=60, generator=torch.Generator().manual_seed(course.seed)
)
same = torch.equal(ours, last(steps).state)
claims.check("sampling: page and package write the same tokens", same, "==", True)

# %% [markdown]
# A **5-gram** looks at the last four tokens. It writes whole stories, each up to its first line break. Do they make sense now?


# %%
def tell(model, num_stories):
    """A list of stories that the model writes."""
    generator = torch.Generator().manual_seed(course.seed)
    start = line_break.expand(num_stories, 1)
    texts = last(sample(model, start, max_new_tokens=60, generator=generator)).state[:, 1:]
    return [tokenizer.decode(text).partition("\n")[0] + "\n" for text in texts.cpu()]


models["5-gram"] = NGram(5, V).fit(tokens)
print(*tell(models["5-gram"], 3), sep="\n")

# %% [markdown]
# This reads well. But who found what, and who took what in the end? Follow the names. The rest of the lesson finds out what went wrong
# there, and what it takes to get it right.

# %% [markdown]
# ## What does a prediction cost?
#
# *How good is a prediction?* A text is its own exercise book: the target at each place is the token that comes next.

# %%
text = tokenizer.encode("Mia found a lantern.")
inputs, targets = text[:-1], text[1:]
for seen, next_one in zip(inputs, targets, strict=True):
    print(f"after ... {tokenizer.tokens[seen]:8} comes {tokenizer.tokens[next_one]}")

# %% [markdown]
# The **loss** asks: which probability $p$ did the model give to the token that really came? It is the surprise
#
# $$-\log p(\text{token} \mid \text{context})$$
#
# averaged over all tokens. With the natural logarithm its unit is the **nat**. Certainty costs 0 nats. One of six equal
# choices costs $\log 6 = 1.79$ nats. What was called impossible costs infinitely many; that is why we mixed.
#
# For a network's logits $p$ is their softmax, and this mean is called **cross-entropy**.

# %% [markdown]
# ### Exercise 06.3 - Cross-entropy by hand (10 min, easy)
#
# Return the mean loss of a batch. The logits may be large, as those of a network that is very sure, and -inf where a token is impossible.
#
# <details><summary>Hint</summary>
#
# `log_softmax` gives log-probabilities along the axis that you name, without ever leaving the logarithms.
# `values.gather(-1, index[..., None])[..., 0]` picks one value for each place.
#
# </details>


# %% tags=["exercise"]
def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of the next token, in nats.

    Args:
        logits: (B, T, V) one number for each token of the vocabulary.
        targets: (B, T) the tokens that really came.

    Returns:
        () mean of -log p(target).
    """
    # BEGIN SOLUTION
    log_probs = logits.log_softmax(dim=-1)  # (B, T, V)
    return -log_probs.gather(-1, targets[..., None]).mean()
    # END SOLUTION


# %% tags=["check"]
checks.run("06.3", cross_entropy)

# %% [markdown]
# ## The floor
#
# *How low can the loss go?* We know the grammar, so we know: to its **entropy**, the surprise that is left when all
# probabilities are right. Why not lower? After *found* the truth is 2/3 and 1/3. Guess first: which of three answers costs least on average?

# %%
truth = torch.tensor([2 / 3, 1 / 3])  # of "a" and "an"
for said in (0.5, 2 / 3, 0.9):
    cost = -(truth * torch.tensor([said, 1 - said]).log()).sum()
    print(f"says {said:.2f} for a: {cost:.3f} nats")

# %% [markdown]
# The truth costs least: 0.637 nats, $-\sum p \log p$. Weighted by how often a story meets each choice, these sums add up to the nats of a story. No model can do better, except by luck on a finite
# text.

# %%
entropy_rate = stories.entropy() / stories.expected_length()
print(f"a story:   {stories.entropy():.2f} nats in {stories.expected_length():.1f} tokens")
print(f"the floor: {entropy_rate:.3f} nats a token")

# %% [markdown]
# All models are measured on **test** stories, which they have not seen. Whatever we choose for a model, we choose on other stories again, the
# **validation** part: a choice made on the test part would flatter. The **floor** of the test stories themselves is their mean surprise
# under the grammar.

# %% tags=["measure"]
# @title Make the test and validation stories, and the floor of the test stories
held_out = stories.sample(500, seed=course.seed + 1)
validation_stories = stories.sample(200, seed=course.seed + 2)
test_tokens, validation = (
    tokenizer.encode("\n" + "".join(part)).to(course.device)
    for part in (held_out, validation_stories)
)
known = set(train_text.splitlines(keepends=True))
print(f"test stories that also occur in training: {sum(story in known for story in held_out)}")
# The last entry of a story only says that it is over, which is certain.
exact = [list(stories.conditionals(story))[:-1] for story in held_out]  # [(token, probs), ...]
floor = -torch.tensor([probs[token] for story in exact for token, probs in story]).log()  # (T,)
print(f"floor of the test stories: {floor.mean():.3f} nats a token")

# %% [markdown]
# One function measures all models alike: the loss at each token of a text after the first, on the same tokens as the floor. (`floor`, made in the folded cell, holds the grammar's own surprise at each.)


# %%
@torch.no_grad()
def surprise(model, text):
    """(T,) nats for each token of a text after the first."""
    logits = model(text[None, :-1])[0]
    return torch.nn.functional.cross_entropy(logits, text[1:], reduction="none").cpu()


def gap(model):
    """Nats a token above the floor, on the test stories."""
    return float(surprise(model, test_tokens).mean() - floor.mean())


# %% [markdown]
# ## How far counting goes
#
# *How near to the floor does counting come?* A longer context tells more, and was seen less often. How much a table should lean on shorter
# contexts then matters. So each order gets its own strength, the one that does best on the validation part.
#
# Guess first: the longest of these tables sees 32 tokens, nearly a whole story. Is it the best, or the worst? Look where the lines part.


# %% tags=["measure"]
# @title Fit tables of eight orders, and draw their loss for two fixed strengths and for the chosen one
def tune(table, check, strengths=(1, 8, 32, 256, 1024)):
    """Give a table the strength that does best on a text; return the loss for each."""
    tried = {}
    for strength in strengths:
        table.strength = strength  # its counts stay the same
        tried[strength] = float(surprise(table, check).mean())
    table.strength = min(tried, key=tried.get)
    return tried


orders = (1, 2, 3, 5, 8, 10, 16, 33)
tables = {order: NGram(order, V).fit(tokens) for order in orders}
tried = {order: tune(tables[order], validation) for order in orders}
best_order = min(orders, key=lambda order: min(tried[order].values()))
longer = [order for order in orders if order >= 3]
plots.curves(
    {
        f"strength {strength}": (longer, [tried[order][strength] for order in longer])
        for strength in (1, 8)
    }
    | {"chosen for each": (longer, [min(tried[order].values()) for order in longer])},
    styles={
        "strength 1": {"color": plots.PURPLE},
        "strength 8": {"color": plots.ORANGE},
        "chosen for each": {"color": plots.SKY, "marker": "o"},
    },
    references={"floor": entropy_rate},
    xlabel="order of the table",
    ylabel="nats a token, validation part",
    title="With little strength long contexts hurt; with a chosen one they stop helping",
    alt="Three lines over the order, from 3 to 33. At strength 1 and 8 the loss rises steeply from "
    "order 8 on. At a strength chosen for each order it falls to order 10 and then stays level, "
    "a tenth of a nat above the floor.",
)

# %% tags=["measure"]
# @title Check the gaps of the tables, on the test stories
names = {1: "unigram", 2: "bigram", 3: "trigram", 5: "5-gram", 10: "10-gram", 33: "33-gram"}
models = {name: tables[order] for order, name in names.items()}
best_gap = gap(tables[best_order])
print(f"chosen on validation: order {best_order}, strength {tables[best_order].strength}")
claims.check("the best table stays above the floor (nats)", best_gap, ">", 0.09)
behind = gap(tables[33]) - best_gap
claims.check("the 33-gram at its own strength, behind the best (nats)", behind, "<", 0.02)
behind = tried[33][1] - min(tried[best_order].values())
claims.check("the 33-gram at strength 1, behind the best (nats)", behind, ">", 0.5)

# %% [markdown]
# The longest table is the worst with strength 1, and nearly the best with its own. At strength 1 a context that was seen once gives its token half of everything; a few such levels, and what did not
# follow there is next to impossible. Leaning more on short contexts mends that, but then a wide window hardly helps: the best of these tables stops a tenth of a nat above the floor. That sounds small. We will see that nearly
# every story is wrong because of it.

# %% [markdown]
# ## A model that learns
#
# *Can a model do better than count?* A table shares only between contexts that *end* alike. A network can share otherwise: it can learn that "the name 24 places back
# returns", once for each such distance, whatever stands between.
#
# Ours turns each of the last tokens into a short vector of numbers, an **embedding**, lays the vectors side by side, and puts
# one hidden layer on top: a **multilayer perceptron** (MLP). GELU lets large numbers pass and makes very negative ones zero, smoothly.
#
# Two lines in `forward` make the windows. Of four tokens a b c d and a window of 3, `F.pad` makes 0 0 a b c d, and `unfold(1, 3, 1)` cuts
# it along axis 1 into 00a, 0ab, abc, bcd: one window for each token. It puts the places of a window last, so `.mT` swaps the last two axes.

# %%
from torch import nn
from torch.nn import functional as F


class Network(nn.Module):
    """Tokens (B, T) -> logits (B, T, V), from the last `window` tokens at each place."""

    def __init__(self, vocab_size, window, embedding_width, width):
        super().__init__()
        self.window = window
        self.embed = nn.Embedding(vocab_size, embedding_width)
        self.hidden = nn.Linear(window * embedding_width, width)
        self.logits = nn.Linear(width, vocab_size)

    def forward(self, tokens):
        x = self.embed(tokens)  # (B, T, E)
        x = F.pad(x, (0, 0, self.window - 1, 0))  # E: none; T: window - 1 before, 0 after
        x = x.unfold(1, self.window, 1).mT  # (B, T, window, E): the last ones at each place
        return self.logits(F.gelu(self.hidden(x.flatten(2))))  # (B, T, V)


# %% [markdown]
# It starts with random weights, and is **trained**: show it a batch of texts, measure the loss, move each weight a little in the direction
# that lowers it. The optimizer, AdamW, decides how far; a gradient longer than 1 is cut to length 1.

# %%
from course_utils import training

batches = data.Windows(tokens, context_length=128, batch_size=8, seed=course.seed)


def train(network, num_steps):
    optimizer = training.adamw(network, 0.012)  # the learning rate: how far to go in a step
    for step in range(num_steps):
        (text,) = batches[step]  # (8, 129), pieces from anywhere in the training text
        inputs, targets = text[:, :-1], text[:, 1:]
        loss = F.cross_entropy(network(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step:2}: {loss.item():.2f} nats")


# %%
torch.manual_seed(course.seed)
network = Network(V, window=32, embedding_width=16, width=96).to(course.device)
train(network, num_steps=41)

# %% [markdown]
# It starts as ignorant as the uniform model, at $\log V$ nats, and learns. In the package the network is `MLP`, the loss
# `next_token_loss`, and the loop `training.fit`. With a constant rate, as ours, does it train the same weights?

# %% tags=["measure"]
# @title Page and package train the same network
from course_utils.language import MLP, next_token_loss

torch.manual_seed(course.seed)
packaged = MLP(V, num_previous=32, embedding_width=16, width=96).to(course.device)
training.fit(
    packaged,
    batches,
    next_token_loss,
    num_steps=41,
    optimizer=training.adamw(packaged, 0.012),
    lr_schedule=training.constant,
)
same = all(map(torch.equal, network.parameters(), packaged.parameters()))
claims.check("network, loss, loop: page and package train the same weights", same, "==", True)

# %% [markdown]
# Now in earnest, with a rate that rises at first and then falls to zero. One network sees 32 tokens; it is trained three times, from three
# seeds. Beside it stands a **control**: the same, but with a window of 8 tokens (and so with fewer weights).
#
# Guess first: how near to the floor does the wide one come? The best table stands a tenth of a nat above it.


# %% tags=["measure"]
# @title Train the wide network three times and the narrow one once, and draw the gap of every model
def train_mlp(text, vocab_size, window, num_steps, repeat=0):
    seed = course.seed + repeat
    torch.manual_seed(seed)
    network = MLP(vocab_size, num_previous=window, embedding_width=16, width=96).to(course.device)
    training.fit(
        network,
        data.Windows(text, context_length=128, batch_size=8, seed=seed),
        next_token_loss,
        num_steps=num_steps,
        optimizer=training.adamw(network, 0.012),
        checkpoint=course.checkpoint(f"mlp_{vocab_size}_{window}" + f"_{repeat}" * (repeat > 0)),
    )
    return network


narrow, wide = "control: MLP, 8 tokens", "model: MLP, 32 tokens"
models[narrow] = train_mlp(tokens, V, 8, sizes.num_steps)
repeats = [train_mlp(tokens, V, 32, sizes.num_steps, repeat) for repeat in range(3)]
models[wide] = repeats[0]
ladder = {name: gap(model) for name, model in models.items() if name != "unigram"}
plots.bars(
    dict(sorted(ladder.items(), key=lambda item: -item[1])),
    form="{:.3f}",
    xlabel="nats a token above the floor, on test stories",
    title="Tables stop a tenth of a nat above the floor; a network with a wide window goes on",
    alt="Bars, from the bigram over the tables of higher order to the two networks. The tables "
    "and the narrow network end at about a tenth of a nat, the wide network at a hundredth.",
)

# %% tags=["measure"]
# @title Check the gaps, over three trainings
three = [gap(network) for network in repeats]
print("three trainings:", "  ".join(f"{value:.4f}" for value in three), "nats above the floor")
claims.check("three trainings, wide: the farthest from the floor (nats)", max(three), "<", 0.03)
claims.check("control: a narrow window stays above the floor (nats)", ladder[narrow], ">", 0.08)

# %% [markdown]
# ## Where the tables stall
#
# *Where does the tenth of a nat come from?* An average hides its parts, so here is the surprise at each token of one story. Look for the
# places where a line leaves the dashed one, the grammar's own surprise. What do they have in common?

# %% tags=["measure"]
# @title Draw the surprise at each token of one story
nats = {name: surprise(model, test_tokens) for name, model in models.items()}
words = [token for token, _ in exact[0]]
one_story = slice(0, len(words))
figure = plots.curves(
    {
        "5-gram": nats["5-gram"][one_story],
        wide: nats[wide][one_story],
        "reference: the grammar": floor[one_story],
    },
    styles={"5-gram": {"color": plots.SKY}},
    ylabel="nats",
    title="The 5-gram is surprised by the name and the treasure, which stand too far back for it",
    alt="Three lines over the words of a story. The 5-gram follows the dashed line of the grammar "
    "except at three places, where it is higher by one or two nats: the name and the treasure "
    "of the first sentence when they come back, and the pronoun. The wide network stays near "
    "the dashed line there too.",
)
figure.axes[0].set_xticks(range(len(words)), words, rotation=90, fontsize=8)
figure

# %% [markdown]
# The 5-gram stands out at three places most: the name, the treasure and the pronoun of the last sentence. The words that decide them
# stand more than four tokens back, where it no longer sees them. (The network strays to both sides: on one token a model may be luckier
# than the grammar, on average it may not.)
#
# Now all names and treasures that come back in the test stories, always 22 to 29 tokens after their first mention. (So we gave the wide network 32.) There are six heroes and eight
# treasures, all equally frequent: a blind guess costs $\tfrac12(\log 6 + \log 8) = 1.94$ nats.
#
# Guess first: which of five models does better than blind, the 5-gram, the 10-gram, the 33-gram, the narrow network or the wide one? The
# 33-gram sees the first mention, as the wide network does.

# %% tags=["measure"]
# @title Measure the names and treasures that come back
from course_utils.data.text import HEROES, TREASURES

plot_words = {*HEROES, *TREASURES}
spoken = [[token for token, _ in story] for story in exact]
back = [(s, i) for s in spoken for i, word in enumerate(s) if word in plot_words and word in s[:i]]
distances = [i - s.index(s[i]) for s, i in back]
print(f"{len(back)} returning tokens, {min(distances)} to {max(distances)} tokens back")

blind = (torch.tensor([len(HEROES), len(TREASURES)]).log().mean()).item()
returns = torch.tensor([w in plot_words and w in s[:i] for s in spoken for i, w in enumerate(s)])
shown = ["5-gram", "10-gram", "33-gram", narrow, wide]
at_returns = {name: float(nats[name][returns].mean()) for name in nats}
plots.bars(
    {name: at_returns[name] for name in shown},
    form="{:.2f}",
    xlabel="nats, returning tokens",
    references={"blind guess": blind},
    title="At the tokens that come back no table beats a blind guess",
    alt="Bars: all three tables and the narrow network cost as much as a blind guess, the wide "
    "network close to nothing.",
)

# %% tags=["measure"]
# @title Check the returning tokens, for the tables of every order, and add them up
lowest = min(surprise(table, test_tokens)[returns].mean() for table in tables.values())
claims.check(
    "returning tokens: the best table over a blind guess (ratio)", lowest / blind, ">", 0.95
)
claims.check("returning tokens: the wide network (nats)", at_returns[wide], "<", 0.3)
claims.check("returning tokens: control, the narrow network (nats)", at_returns[narrow], ">", 1.8)
share = float(returns.float().mean())
cost = share * at_returns["5-gram"]
lost = gap(models["5-gram"])
print(
    f"{share:.1%} of the tokens cost the 5-gram {cost:.3f} of its {lost:.3f} nats above the floor"
)

# %% [markdown]
# So this is most of the tenth of a nat: one token in twenty, at the price of a blind guess.
#
# The wide network has two things, a window that reaches back, and sharing between contexts. The narrow network shares, the 33-gram has the
# window. But a table knows a context only if it has seen exactly this one. How often is that?

# %% tags=["measure"]
# @title Count which contexts of the test stories occur in training


def share_seen(length: int) -> float:
    """Share of the contexts of this length in the test text that occur in training."""
    key = torch.randint(2**62, (length,), generator=generator).to(tokens)  # a random fingerprint
    seen, new = ((text.unfold(0, length, 1) * key).sum(1) for text in (tokens, test_tokens))
    return float(torch.isin(new, seen).float().mean())


for length in (4, 15, 32):
    print(f"contexts of {length:2} tokens: {share_seen(length):6.1%} were seen in training")

# %% [markdown]
# So a table backs off to a shorter context. But backing off drops the *oldest* tokens first, and these are just the name and the treasure.

# %% [markdown]
# ## What they write
#
# *Does a tenth of a nat matter?* Each model tells 100 stories, and the grammar says which of them are **valid**: told as it could have told
# them, the same hero with the same treasure. There is an easy way to cheat: recite a story of the training text. So we count those that are
# valid *and* new, and try that on a model that must cheat: a 33-gram with strength 1, which trusts its counts.
#
# Guess first: the 5-gram is a tenth of a nat above the floor, in a story of about forty tokens. What share of its stories is valid?

# %%
recited = "33-gram, strength 1"
models[recited] = NGram(33, V, strength=1).fit(tokens)
told = {name: tell(model, 100) for name, model in models.items()}
print(f"The 5-gram:  {told['5-gram'][0]}\nThe network: {told[wide][0]}")

# %% tags=["measure"]
# @title Count the stories that are valid, and those that are also new
valid, new = {}, {}
for name, some in told.items():
    good = [story for story in some if stories.is_valid(story)]
    valid[name] = len(good) / 100
    new[name] = sum(story not in known for story in good) / 100

figure, (left, right) = plots.panels(
    2,
    title="Of the wide network's stories most are right and new; of the others hardly any",
    alt="Two groups of bars for nine models. Valid stories: the wide network and the 33-gram with "
    "strength 1 reach most, all others hardly any. Valid and new: only the wide network is left.",
)
plots.bars(valid, form="{:.0%}", xlabel="valid stories", ax=left)
plots.bars(new, form="{:.0%}", xlabel="valid, and not in the training text", ax=right)
right.set_xlim(left.get_xlim())
right.set_yticks([])
figure

# %% tags=["measure"]
# @title Check the shares
most = max(valid[name] for name in names.values())
claims.check("valid and new: the wide network (share)", new[wide], ">", 0.6)
claims.check("valid: the best table at its chosen strength (share)", most, "<", 0.1)
claims.check("valid: the 33-gram with strength 1 (share)", valid[recited], ">", 0.8)
claims.check("valid and new: the 33-gram with strength 1 (share)", new[recited], "<", 0.15)

# %% [markdown]
# By luck a 5-gram gets the name right once in six times, the treasure once in eight, and the pronoun once in two: all three once in 96.
# One in 96 is a surprise of $\log 96 = 4.56$ nats. Spread over the 41 tokens of a story that is 0.11 nats a token: *this* is the tenth of a nat, and it was the difference between hardly any story
# and most of them. And *valid* alone is fooled by a model that recites.

# %% [markdown]
# ## Turn it yourself
#
# *Where does which model go wrong?* Move the slider through a story that no model has seen. On the left is what the grammar says comes next,
# on the right what a model believes. Find the places where they disagree, then change the model.

# %% tags=["measure"]
# @title A slider over the words of a story and over the models
from course_utils.notebook import widgets

beliefs = {
    name: models[name](test_tokens[None, : len(words)])[0].softmax(-1).detach() for name in shown
}
color = {wide: plots.MODEL, narrow: plots.CONTROL}


def show(position: int, model: str):
    """The next token after some words of a story: exact, and as a model believes."""
    truth = exact[0][position][1]
    believed = beliefs[model][position].tolist()
    known_as = dict(zip(tokenizer.words, believed, strict=True))
    top = sorted(known_as, key=lambda w: -max(known_as[w], truth.get(w, 0)))[:8]
    before = " ".join(words[max(0, position - 6) : position]) or "(the beginning)"
    title = f"... {before} ___   what comes next?"
    text = "; ".join(f"{w} {known_as[w]:.0%}, exactly {truth.get(w, 0):.0%}" for w in top[:4])
    figure, axes = plots.panels(2, title=title, titles=["exact", model], alt=text)
    colors = (plots.REFERENCE, color.get(model, plots.SKY))
    for ax, probs, paint in zip(axes, (truth, known_as), colors, strict=True):
        shares = {w.replace("\n", "↵"): probs.get(w, 0.0) for w in top}
        plots.bars(shares, form="{:.0%}", ax=ax)
        for bar in ax.patches:
            bar.set_color(paint)
        ax.set_xlim(0, 1.15)
    return figure


widgets.slider(show, position=list(range(len(words))), model=shown)

# %% [markdown]
# The same picture without a slider: the 5-gram, at the place where the treasure comes back.

# %% tags=["measure"]
# @title One frame of the slider
treasure_back = max(i for i, word in enumerate(words) if word in plot_words)
show(position=treasure_back, model="5-gram")

# %% [markdown]
# ## Learned, or memorised?
#
# *Has a model with a low loss learned?* We count only 200 stories, and measure on these and on new ones: once with strength 1, once with a
# strength chosen on the validation part. Guess first: can a loss get below the floor?

# %% tags=["measure"]
# @title Draw both losses over the order, for strength 1 and for the chosen strength
few = tokenizer.encode("\n" + "".join(stories.sample(200, seed=course.seed))).to(course.device)


def losses_of(order, strengths):
    """Nats a token on the stories counted and on new ones, with the best of the strengths."""
    table = NGram(order, V).fit(few)
    tune(table, validation, strengths)
    return [float(surprise(table, text).mean()) for text in (few, test_tokens)]


few_orders = [2, 3, 4, 6, 10, 20]
trusting = torch.tensor([losses_of(order, (1,)) for order in few_orders])
careful = torch.tensor([losses_of(order, (4, 32, 256)) for order in few_orders])
figure, axes = plots.panels(
    2,
    titles=["strength 1", "strength chosen on validation"],
    share=True,
    title="On the stories counted both fall below the floor; new ones tell the two apart",
    alt="Two panels over the order of the table. In both the loss on the stories counted goes below "
    "the floor. On new stories it falls and then climbs at "
    "strength 1; at the chosen strength it falls and stays.",
)
for ax, values in zip(axes, (trusting, careful), strict=True):
    plots.curves(
        {
            "new stories": (few_orders, values[:, 1]),
            "the stories counted": (few_orders, values[:, 0]),
        },
        xlabel="order of the table",
        ylabel="nats a token" if ax is axes[0] else "",
        references={"floor": float(floor.mean())},
        ax=ax,
    )
figure

# %% tags=["measure"]
# @title Check the tables, on the stories counted and on new ones
through = trusting[-1, 0] / floor.mean()
climb, level = (values[-1, 1] / values[:, 1].min() for values in (trusting, careful))
claims.check("strength 1: the longest table falls through the floor (ratio)", through, "<", 0.3)
claims.check("strength 1: on new stories the longest over the best (ratio)", climb, ">", 1.5)
claims.check("chosen strength: on new stories the longest over the best (ratio)", level, "<", 1.4)

# %% [markdown]
# On new text nobody can stay below the floor on average. Below it on the text that was counted, a model has surely **memorised**: both tables have. (Above it the distance between the two parts is what tells.)
# On new stories one is far worse at its longest order than at its best, the careful one hardly. The distance between the two curves is the
# **generalisation gap**.
#
# And the wide network, on 200 of its training stories and on new ones?

# %% tags=["measure"]
# @title Check the network on old and new stories
old, fresh = (float(surprise(models[wide], text).mean()) for text in (few, test_tokens))
counted = (
    pair
    for story in stories.sample(200, seed=course.seed)
    for pair in list(stories.conditionals(story))[:-1]
)
counted_floor = -torch.tensor([probs[token] for token, probs in counted]).log().mean()
print(f"the wide network, stories of the training: {old:.3f} nats, their floor {counted_floor:.3f}")
print(
    f"                  new stories:             {fresh:.3f} nats, their floor {floor.mean():.3f}"
)
claims.check("the wide network: new stories over old ones (nats)", fresh - old, "<", 0.03)

# %% [markdown]
# The network is near the floor on both: what it knows holds for new stories too. (It was trained on all stories; the tables here counted 200 only, so that they could recite them.)

# %% [markdown]
# ## What is a token?
#
# *Must a token be a word?* So far it was. It may also be a single character, or a frequent string of bytes, a *subword*, as in large models.
#
# These **byte pairs** start from the 256 bytes, of which every text consists. Then the most frequent pair of neighbours becomes a new token,
# again and again. One step of that is to join a pair wherever it stands:


# %%
def join(ids, pair, new):
    """Replace each occurrence of the pair by the new token, from left to right."""
    joined, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == pair
        joined.append(new if found else ids[i])
        i += 2 if found else 1
    return joined


join([5, 7, 7, 7, 5, 7], (7, 7), 256)

# %% [markdown]
# Learning is to count all pairs, join the most frequent, and repeat. The text is first cut into pieces: a word with the space before it, a
# single punctuation mark, a line break. No merge crosses such a cut, so each different piece is kept once, with its count. Of
# equally frequent pairs the one with the smaller numbers wins.


# %%
def learn(pieces, num_merges):
    """The merges of a text, given how often each of its pieces (bytes) occurs."""
    words = [(list(piece), times) for piece, times in pieces.items()]
    merges = []
    for new in range(256, 256 + num_merges):
        pairs = Counter()
        for ids, times in words:
            for pair in pairwise(ids):
                pairs[pair] += times
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        words = [(join(ids, best, new), times) for ids, times in words]
        merges.append(best)
    return merges


# %%
import re

some_text = "".join(stories.sample(2000, seed=course.seed))
pieces = Counter(piece.encode() for piece in re.findall(r" ?\w+|[^\w\s]|\s", some_text))
merges = learn(pieces, 64)
print(merges[:4])

# %% [markdown]
# The first merge joins byte 32, the space, and byte 116, the letter *t*. The package cuts by finer rules, those of GPT-2. On the stories
# these should make no difference. Are its merges the same?

# %% tags=["measure"]
# @title Three tokenizers of the package, and its merges beside those of the page
from course_utils.language import BytePairTokenizer, CharTokenizer

tokenizers = {
    "characters": CharTokenizer.train(some_text),
    "byte pairs": BytePairTokenizer.train(some_text, vocab_size=256 + 64),
    "words": WordTokenizer.train(some_text),
}
same = tokenizers["byte pairs"].merges == merges
claims.check("byte pairs: page and package learn the same 64 merges", same, "==", True)
print("  ".join(tokenizers["byte pairs"].tokens[256:268]))

# %% [markdown]
# First *␣t*, then *he*, then both together, *␣the*, where ␣ is a space: frequent words grow together. The three ways of cutting, on one
# sentence:

# %%
for name, cut in tokenizers.items():
    parts = [cut.tokens[i] for i in cut.encode("Mia found a lantern.")]
    print(f"{name}, {cut.vocab_size} in the vocabulary:", "|".join(parts), sep="\n  ")

# %% [markdown]
# ### Exercise 06.4 - Encode with merges (10 min, medium)
#
# The merges are learned. Now a new piece of text has to be cut with them. Counting plays no part any more.
#
# <details><summary>Hint</summary>
#
# A late merge needs tokens that an early one makes. In which order must they be done? `join` is on the page above.
#
# </details>


# %% tags=["exercise"]
def encode(piece: list[int], merges: list[tuple[int, int]]) -> list[int]:
    """Return the byte-pair tokens of a piece of text.

    Args:
        piece: its bytes, numbers from 0 to 255.
        merges: pairs of tokens in the order in which they were learned; merge number i, counted
            from 0, makes token 256 + i.

    Returns:
        The tokens, a new list. Each merge is done wherever its pair stands, from left to right.
    """
    # BEGIN SOLUTION
    for number, pair in enumerate(merges):
        joined, i = [], 0
        while i < len(piece):  # what `join` does
            found = tuple(piece[i : i + 2]) == pair
            joined.append(256 + number if found else piece[i])
            i += 2 if found else 1
        piece = joined
    return list(piece)
    # END SOLUTION


# %% tags=["check"]
checks.run("06.4", encode)

# %% [markdown]
# ### Does the text come back?
#
# A tokenizer must lose nothing: decoding the tokens must give the text again. Byte pairs keep even what they have never seen. A word that is
# not in the vocabulary has no number; an old way out is one token for everything unknown, `<unk>`. Guess first: what becomes of the parrot?

# %%
strange = "Zoë found a 🦜 in 東京\t(twice)"
back = tokenizers["byte pairs"].decode(tokenizers["byte pairs"].encode(strange))
print("byte pairs:", back, "| exact:", back == strange)
lossy = WordTokenizer.train(some_text, unknown=True)
print("words:     ", lossy.decode(lossy.encode(strange)))

# %% [markdown]
# One example proves little. So a thousand random strings from all of Unicode, and a thousand with the characters of the stories, in which
# merges happen:

# %% tags=["measure"]
# @title Encode and decode the random strings, and count the merges
import random

draw = random.Random(course.seed)
unicode = [chr(i) for i in range(0x11_0000) if not 0xD800 <= i <= 0xDFFF]  # no half characters
strings = {
    "Unicode": ["".join(draw.choices(unicode, k=20)) for _ in range(1000)],
    "stories": ["".join(draw.choices(some_text, k=20)) for _ in range(1000)],
}


def share_restored(cut, texts) -> float:
    return sum(cut.decode(cut.encode(text)) == text for text in texts) / len(texts)


restored = min(share_restored(tokenizers["byte pairs"], texts) for texts in strings.values())
claims.check("byte pairs give back all random strings (share)", restored, "==", 1)
count = sum(
    len(text.encode()) - len(tokenizers["byte pairs"].encode(text)) for text in strings["stories"]
)
claims.check("in those of the stories merges are done (a string)", count / 1000, ">", 1)

# %% [markdown]
# ## Nats, perplexity, bits per byte
#
# *Which cut is best?* A loss per token cannot be compared between them, since their tokens differ in length. Two more units are common. **Perplexity** is $e^{\text{nats}}$: the number of
# equally likely tokens that would be as hard to guess. **Bits per byte** divides the surprise of a whole text, in bits, by its length in
# bytes, which does not depend on how it was cut:
#
# $$\text{bits per byte} = \frac{\text{nats of all tokens}}{\log 2 \cdot \text{bytes}}$$

# %% [markdown]
# ### Exercise 06.5 - Bits per byte (5 min, easy)
#
# Turn the losses of the single tokens into one number that does not depend on the tokenizer.
#
# <details><summary>Hint</summary>
#
# A character is not a byte: `text.encode()` has the bytes.
#
# </details>


# %% tags=["exercise"]
def bits_a_byte(losses: torch.Tensor, text: str) -> torch.Tensor:
    """Return the bits that a text costs for each of its bytes.

    Args:
        losses: (T,) nats of each token of the text.
        text: the text itself.

    Returns:
        () bits per byte.
    """
    # BEGIN SOLUTION
    return losses.sum() / (torch.tensor(2.0).log() * len(text.encode()))
    # END SOLUTION


# %% tags=["check"]
checks.run("06.5", bits_a_byte)

# %% [markdown]
# We cut the same stories in three ways, and fit a 5-gram to each. Guess first: which tokenizer has the highest loss a token?

# %% tags=["measure"]
# @title A 5-gram on each tokenizer, in three units
from course_utils.language import bits_per_byte, perplexity

test_text = "".join(held_out[:200])
num_bytes = len(test_text.encode())
for name, cut in tokenizers.items():
    table = NGram(5, cut.vocab_size).fit(cut.encode(some_text))
    losses = surprise(table, cut.encode("\n" + test_text))  # the line break is context only
    loss = float(losses.mean())
    bits = bits_per_byte(loss, len(losses), num_bytes)
    print(f"{name:10}: {loss:.2f} nats, perplexity {perplexity(loss):.2f}, {bits:.2f} bits a byte")

# %% [markdown]
# A word is harder to guess than a letter, but there are fewer of them: by bits per byte the words are best. Is a word
# then the better token? Not so fast: a 5-gram of words sees four words, and one of letters four letters. So let each see
# equally far back, counted in bytes, with a strength of its own.

# %% tags=["measure"]
# @title Measure each tokenizer over the width of its window, each table at its best strength


def bits_over_window(cut, orders):
    """Bytes that a table of each order sees, and the bits per byte that it costs."""
    text, check = cut.encode(some_text), cut.encode("\n" + "".join(validation_stories[:100]))
    test = cut.encode("\n" + test_text)
    seen, bits = [], []
    for order in orders:
        table = NGram(order, cut.vocab_size).fit(text)
        tune(table, check, (1, 16, 64))
        losses = surprise(table, test)
        seen.append((order - 1) * num_bytes / len(losses))
        bits.append(bits_per_byte(float(losses.mean()), len(losses), num_bytes))
    return seen, bits


windows = {"characters": (5, 9, 13, 18), "byte pairs": (3, 5, 7, 10), "words": (2, 3, 4, 5)}
over = {name: bits_over_window(tokenizers[name], windows[name]) for name in windows}
same_tokens = sum(map(len, exact[:200]))  # the floor of the same 200 stories
best_bits = bits_per_byte(float(floor[:same_tokens].mean()), same_tokens, num_bytes)
plots.curves(
    over,
    styles={name: {"marker": "o"} for name in over},
    references={"floor": best_bits},
    xlabel="bytes that the table sees",
    ylabel="bits per byte",
    title="Words won because a 5-gram of them sees further; from eight bytes on the three meet",
    alt="Three lines over the bytes seen, from 4 to 17. At four bytes byte pairs are lowest. All fall "
    "steeply to eight bytes, where they come together, a little above the floor.",
)

# %% tags=["measure"]
# @title Check the tokenizers in bits per byte, at equal orders and at equal windows
fives = {name: over[name][1][windows[name].index(5)] for name in windows}
equal_order = fives["words"] / fives["characters"]
equal_window = over["words"][1][-1] / over["characters"][1][-1]
claims.check("bits per byte, 5-grams: words over characters", equal_order, "<", 0.65)
claims.check(
    "bits per byte, 17 bytes seen: words over characters", equal_window, "within", (0.9, 1.1)
)

# %% [markdown]
# Nats a token and perplexity compare models that share a tokenizer. Bits per byte compares any two, if both can give the text back.

# %% [markdown]
# ## Real text
#
# *Who wins outside our stories?* Python carries its own documentation. We try the same kinds of model on its characters. The last tenth is the test. The last
# tenth of the rest chooses strength and order; then the table counts it too. The network gets the last 16 characters and 600 steps.
#
# Guess first: who is ahead, the best table or the network?

# %% tags=["measure"]
# @title Tables of six orders, strength and order chosen on a part left out at first, and the network
docs = data.python_docs()
train_part, test_part = data.split_text(docs)
characters = CharTokenizer.train(docs)  # only the alphabet is taken from the test part
train_docs, test_docs = (
    characters.encode(part).to(course.device) for part in (train_part, test_part)
)
print(f"{len(docs):,} characters, {characters.vocab_size} different ones")


def tuned_on_docs(order):
    """A table of the whole training text, and its loss on the part that chose its strength."""
    cut = len(train_docs) * 9 // 10
    table = NGram(order, characters.vocab_size).fit(train_docs[:cut])
    tried = tune(table, train_docs[cut : cut + 20_000], (8, 32, 64))
    whole = NGram(order, characters.vocab_size, strength=table.strength).fit(train_docs)
    return whole, min(tried.values())


doc_orders = [1, 2, 3, 5, 8, 12]
doc_tables, doc_tried = zip(*map(tuned_on_docs, doc_orders), strict=True)
on_test = [float(surprise(table, test_docs).mean()) for table in doc_tables]
best_docs = on_test[doc_tried.index(min(doc_tried))]

network = train_mlp(train_docs, characters.vocab_size, window=16, num_steps=600)
network_loss = float(surprise(network, test_docs).mean())

plots.curves(
    {
        "tables": (doc_orders, on_test),
        "model: network": ([1, 12], [network_loss] * 2),
    },
    styles={"tables": {"color": plots.SKY, "marker": "o"}},
    xlabel="order of the table",
    ylabel="nats a character",
    title="On Python's documentation counting beats a small network, trained for seconds",
    alt="A falling line over the order, and a level one. The tables' loss falls to order 8 and "
    "stays. The network's level lies above the tables from order 5 on.",
)

# %% tags=["measure"]
# @title Check the best table and the network
print(f"best table {best_docs:.2f}, network {network_loss:.2f} nats a character")
lead = network_loss - best_docs
claims.check("real text: the small network above the best table (nats)", lead, ">", 0.1)

# %% [markdown]
# The winner of the stories loses here. Perhaps because documentation repeats its phrases, and a table remembers phrases well; perhaps because
# the network is small and trained for seconds. This lesson does not tell these apart. How far all are from perfect, nobody knows: this text
# has no known floor.
#
# What do two of the tables write?

# %% tags=["measure"]
# @title Tables of order 2 and 8 write documentation
start = characters.encode("The ")[None].to(course.device)
generator = torch.Generator().manual_seed(course.seed)
for order in (2, 8):
    table = doc_tables[doc_orders.index(order)]
    steps = sample(table, start, max_new_tokens=150, generator=generator)
    print(f"order {order}:", " ".join(characters.decode(last(steps).state[0]).split()))

# %% [markdown]
# ## Where the claim stops being true
#
# **"The next token."** Often no model can know it. Even the grammar, which is perfect here, is wrong for one token in five when it must name one
# token. What a model learns is a distribution.

# %% tags=["measure"]
# @title How often do the grammar and the network name the right token?
hits = torch.tensor([max(p, key=p.get) == token for story in exact for token, p in story])
predicted = models[wide](test_tokens[None, :-1])[0].argmax(-1)
network_hits = (predicted == test_tokens[1:]).float().mean()
print(f"named right: the grammar {hits.float().mean():.1%}, the network {network_hits:.1%}")
claims.check("a perfect model names this share of tokens right", hits.float().mean(), "<", 0.9)

# %% [markdown]
# **"Word or subword."** It is a choice. On the stories it made little difference, once the model saw eight bytes or more; with four, byte
# pairs were ahead.
#
# **"Learns to predict."** A low loss can be had without learning anything. Here is a tokenizer whose only word is `<unk>`. Its model
# predicts the whole documentation without an error. A loss counts only when the text comes back.

# %% tags=["measure"]
# @title The documentation in a vocabulary of one word
blank = WordTokenizer(["<unk>"])
nothing = blank.encode(test_part)
zero = float(surprise(NGram(1, blank.vocab_size).fit(nothing), nothing).mean())
print(blank.decode(nothing[:6]), "...")
claims.check("a tokenizer that knows no word reaches a loss of zero", abs(zero), "<", 1e-6)

# %% [markdown]
# And *predicts* is not *knows*. The loss asks what comes next in a text, never whether it is true. Nobody ever found a key by the river.

# %% [markdown]
# ## What was found
#
# - A **prediction** is a probability for every token. It costs the surprise, on average at least the entropy of the text.
# - **Context** helps a model that can use it. Tables stopped at nearly the same place with windows of 4 and of 32 tokens. A network that
#   shares between contexts went on, with the wide window nearly to the floor.
# - A model has **learned** what it also predicts in new text. On Python's documentation a table won. On the text that it counted, a table can look better than perfect.
# - A **token** is a piece of text with a number. How a text is cut changes the loss a token, and much less the bits per byte.

# %%
claims.table()

# %% tags=["nbval-check-output"]
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# For those who did lesson 01: this lesson is its sibling.
#
# | | diffusion | language |
# |---|---|---|
# | make an example | `add_noise(x0, t, schedule)` gives `x_t, eps` | `tokens[:-1], tokens[1:]` are inputs and targets |
# | what is hidden | the noise `eps` | the next token |
# | what the model answers | one best guess of the noise | a probability for every token |
# | the floor | the loss of the exact denoiser | the entropy of the text |
# | one model call | improves every pixel | finishes one token |
#
# ## Papers
#
# - Shannon 1948, *A mathematical theory of communication*: entropy, and text sampled from n-grams.
# - Shannon 1951, *Prediction and entropy of printed English*: people as next-letter models.
# - Gage 1994, *A new algorithm for data compression*: byte pairs.
# - Bengio et al. 2003, *A neural probabilistic language model*: the network of this lesson is a plainer form of theirs.
# - MacKay & Peto 1995, *A hierarchical Dirichlet language model*: counts and a prior, mixed as in `NGram`, for bigrams.
# - Sennrich et al. 2016, *Neural machine translation of rare words with subword units*, arXiv:1508.07909: byte pairs for translation.
# - Radford et al. 2019, *Language models are unsupervised multitask learners*: merges from the 256 bytes, and the cut at spaces used here.
# - Jelinek & Lafferty 1991, *Computation of the probability of initial substring generation by stochastic context-free grammars*: the
#   exact next-token probabilities of a grammar.
