# %% [markdown]
# # 07 · Attention
#
# **How does a model decide which earlier words matter for the next one?**
#
# After this lesson you can
#
# - write a whole layer of attention, and say what each line is for;
# - hide the future from a model, and test that nothing leaks;
# - find the head that does a job inside a trained model, and tell where it looks from what it needs.
#
# *40 minutes to read, an hour more for the exercises, about 45 seconds to run on two cores. Needs lesson 06. Worked answers to the exercises are in the
# [answer booklet](answers/07_attention.ipynb).*

# %% [markdown]
# Run this cell first.

# %% tags=["setup"]
import math

import torch
from torch import Tensor

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup

course = setup("07", seed=0)
claims = Claims("07")
sizes = course.sizes(
    cpu=dict(num_steps=500, num_tests=1000),
    gpu=dict(num_steps=1500, num_tests=4000),
)

# %% [markdown]
# ## The claim
#
# [The article that this course tests](../docs/article.md) says of language models:
#
# > *Uses self-attention to weigh the importance of different parts of the input sequence.*
#
# *Weigh* is exact: attention is a weighted average, and we build it. *Importance* is a bigger word. At the end of this lesson a
# model has to show us whether large weights and importance are the same thing.

# %% [markdown]
# ## A first look
#
# *How can a word ask other words?* Here is a text with two pronouns. How many legs has *she*? How many has *it*? A word alone cannot say.

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
# Now every word looks at all eight words:
#
# 1. It takes the dot product of its query with each key. Where both point the same way, this **score** is
#    large. We divide it by $\sqrt K$, where $K$ is the number of entries in a key, here 2. Why is a question for later.
# 2. It turns scores $s_j$ into **weights** that are positive and add up to one: $w_j = e^{s_j} / \sum_i e^{s_i}$. This is the **softmax**.
# 3. It takes the average of the values under these weights.
#
# *Has* asks for nothing: its query is zero. **Guess first:** how many legs does *has* get? None?

# %%
legs = torch.zeros(8, 1)
for i in range(8):
    scores = torch.stack([query[i] @ key[j] for j in range(8)]) / math.sqrt(2)
    weights = scores.exp() / scores.exp().sum()
    legs[i] = sum(weights[j] * value[j] for j in range(8))

for word in ("she", "it", "has"):
    print(f"{word:4} {float(legs[place[word]]):.2f} legs")

# %% [markdown]
# *She* has about two legs, *it* about four. *Has* cannot get nothing: its scores are all 0, so its weights are all one eighth, and it
# gets the average of all words. A softmax must spend its one unit of attention somewhere.

# %% [markdown]
# ### The same in three lines
#
# Each loop is a matrix product:
#
# $$\text{weights} = \operatorname{softmax}\!\left(\frac{q\,k^\top}{\sqrt K}\right), \qquad \text{output} = \text{weights}\;v$$

# %%
scores = query @ key.T / math.sqrt(key.shape[-1])  # (8, 8)
weights = scores.softmax(dim=-1)  # each row sums to 1
output = weights @ value  # (8, 1)


def largest(difference: Tensor) -> float:
    """The largest absolute entry."""
    return float(difference.detach().abs().max())


claims.check("three lines do what the loop over words does", largest(output - legs), "<", 1e-5)

# %% [markdown]
# *The figure: the weights. Row $i$ says where word $i$ looks. Find the two rows that have chosen.*

# %% tags=["measure"]
# @title The attention map of eight words
plots.heatmap(
    weights,
    xticks=words,
    yticks=words,
    xlabel="looked at",
    ylabel="looks",
    title="Each row shares one unit of attention",
    alt="Eight rows of weights. The row of she is dark at Anna, the row of it is dark at dog. All "
    "other rows are even.",
)

# %% [markdown]
# Such a picture is an **attention map**. That is all of attention; what follows makes it work in a model.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 07.1 - A softmax for large scores (8 min, easy)
#
# The loop above computes `scores.exp()`, but $e^{1000}$ is more than a float can hold, and the weights
# become `nan`. Write a softmax that is right for scores from -10,000 to 10,000, without torch's own. A score may also be
# $-\infty$: its weight is 0. In every row at least one score is finite.
#
# <details><summary>Hint</summary>
#
# What happens to $e^{s_j} / \sum_i e^{s_i}$ when the same number is taken from every score of a row? Choose that number so that no
# exponent is above 0, and at least one is 0. `keepdim=True` keeps the shapes together.
#
# </details>


# %% tags=["exercise"]
def safe_softmax(scores: Tensor) -> Tensor:
    """Return the softmax over the last axis, right for scores of any size.

    Args:
        scores: (..., T) finite numbers or -inf, not all -inf in a row.

    Returns:
        (..., T) weights; each row sums to 1.
    """
    # BEGIN SOLUTION
    shares = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    return shares / shares.sum(dim=-1, keepdim=True)
    # END SOLUTION


# %% tags=["check"]
checks.run("07.1", safe_softmax)

# %% [markdown]
# ## Why divide by the root of K?
#
# *What goes wrong with wide keys?* Ours have two entries, those of a real model 64 or 128. Let the entries of queries and keys be independent,
# with mean zero and variance one. A score is then a sum of $K$ products. **Guess first:** what is its variance for $K = 256$?

# %%
generator = torch.Generator().manual_seed(course.seed)
q, k = torch.randn(2, 50, 64, 256, generator=generator)  # 50 texts of 64 words
scores = q @ k.mT  # (50, 64, 64); .mT swaps the last two axes
print(f"variance {scores.var():.0f}, divided by the root {(scores / math.sqrt(256)).var():.2f}")

# %% [markdown]
# Each product of two such numbers has variance one. Variances of independent terms add, so it is $K$, here 256.
#
# Does that hurt? The **entropy** of a row of weights, $-\sum_j w_j \log w_j$, is log 64 if all
# 64 words get the same, and 0 if one word gets everything.
#
# *The figure: this entropy for five widths. What happens to scores that are not divided?*

# %% tags=["measure"]
# @title Entropy of the weights, for five widths
from course_utils import measure

widths = [4, 16, 64, 256, 1024]
spread = {"divided by the root": [], "control: not divided": []}
for width in widths:
    q, k = torch.randn(2, 50, 64, width, generator=generator)
    for name, divisor in zip(spread, (math.sqrt(width), 1), strict=True):
        weights = (q @ k.mT / divisor).softmax(dim=-1)
        spread[name].append(float(measure.entropy(weights).mean()))

plots.curves(
    {name: (widths, values) for name, values in spread.items()},
    styles={"divided by the root": {"color": plots.SKY}},
    references={"even": math.log(64)},
    xlabel="K, the width",
    ylabel="entropy, nats",
    logx=True,
    title="Divided by the root of K, the weights stay spread at every width",
    alt="The entropy is flat at about 3.7 nats when divided, just below the dashed line of even weights. "
    "Not divided it falls from 2.8 nats at width 4 to 0.1 at width 1,024.",
)

# %% tags=["measure"]
# @title Spread, or all or nothing?
divided, control = spread.values()
claims.check("divided, weights stay spread (lowest entropy, nats)", min(divided), ">", 3)
claims.check("control: undivided, a wide row is nearly all or nothing", control[-1], "<", 0.5)

# %% [markdown]
# An attention that starts all or nothing has chosen before it learned anything. Vaswani et al. 2017 suspected that little gradient can then
# correct it; we did not measure that.

# %% [markdown]
# ## Do not look ahead
#
# *How do we hide the answer?* A language model predicts the next token, and in training that stands right there, one place to the right. The
# **causal mask** hides it: before the softmax, the score of every later position becomes $-\infty$. Its weight is then $e^{-\infty} = 0$, and
# the rest still sums to one. The three lines with the mask, for any number of texts at once:


# %%
def attend(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    """Average values (..., T, V) by how well each query fits each key, both (..., T, K)."""
    scores = query @ key.mT / math.sqrt(key.shape[-1])  # (..., T, T)
    if causal:
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)  # True above the diagonal
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-1) @ value


# %% [markdown]
# *The figure: the eight words again, with the mask. What is hidden is hatched. Where does "has" look now?*

# %% tags=["measure"]
# @title The attention map with the causal mask
plots.heatmap(
    attend(query, key, torch.eye(8), causal=True),  # one-hot values: the output is the weights
    xticks=words,
    yticks=words,
    hidden=torch.ones(8, 8).triu(1),
    title="With the mask, nobody looks to the right",
    alt="The upper right triangle is hatched. The first word gives all to itself, has gives a half "
    "to Anna and a half to itself, and she still finds Anna.",
)

# %% [markdown]
# *Hidden* must mean hidden. We change the input at one position, and look at all outputs before it: they must be not nearly but exactly
# the same. So for every position, and again without the mask.

# %% tags=["measure"]
# @title Change each position in turn: how far does any output before it move?
x = torch.randn(4, 50, 32, generator=generator)  # 4 texts, 50 positions, 32 numbers each


def leak(position: int, causal: bool) -> float:
    """How far outputs before a position move when the input there changes."""
    changed = x.clone()
    changed[:, position] += 1
    moved = attend(changed, changed, changed, causal) - attend(x, x, x, causal)
    return largest(moved[:, :position])


leaks = [leak(position, causal=True) for position in range(1, 50)]
open_leaks = [leak(position, causal=False) for position in range(1, 50)]
claims.check("with the mask, no position moves any output before it", max(leaks), "==", 0)
claims.check("control: without it every position does (least change)", min(open_leaks), ">", 1e-3)

# %% [markdown] tags=["exercise-text"]
# ### Exercise 07.2 - A window (15 min, medium)
#
# Long texts are costly, so some models let a position see only the last few: itself and the `window - 1` positions before it. Write
# this mask. A model that writes asks for its newest positions only, while all are keys. So there may be fewer rows than columns: the rows
# are then the **last** positions.
#
# <details><summary>Hint</summary>
#
# Number the columns 0 to T - 1. Which position does row $i$ of $S$ belong to? With `T = S` it is $i$; with one row it is $T-1$. Then write the two
# conditions under which column $j$ is hidden, one for each side. `torch.arange(...)[:, None]` makes a column of numbers.
#
# </details>


# %% tags=["exercise"]
def window_weights(scores: Tensor, window: int) -> Tensor:
    """Return attention weights that see a position and the few before it, never a later one.

    Args:
        scores: (S, T) query times key, divided already; S <= T, and the rows are the last S positions.
        window: how many positions each row may see, itself included, at least 1.

    Returns:
        (S, T) weights; each row sums to 1, and what may not be seen gets exactly 0.
    """
    # BEGIN SOLUTION
    num_rows, num_columns = scores.shape
    row = torch.arange(num_columns - num_rows, num_columns)[:, None]
    column = torch.arange(num_columns)
    hidden = (column > row) | (column <= row - window)
    return scores.masked_fill(hidden, -math.inf).softmax(dim=-1)
    # END SOLUTION


# %% tags=["check"]
checks.run("07.2", window_weights)

# %% [markdown]
# ## Is this what others compute?
#
# The package has the same as `layers.attention`, torch as one **fused kernel**, a single operation that need not store the weights. All three
# get the same random queries, keys and values.

# %% tags=["measure"]
# @title Page, package and torch on the same numbers
import torch.nn.functional as F

from course_utils import layers

q, k, v = torch.randn(3, 4, 2, 50, 16, generator=generator)
ours, fused = attend(q, k, v, causal=True), F.scaled_dot_product_attention(q, k, v, is_causal=True)
unscaled = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)

ready_made = layers.attention(q, k, v, causal=True)
claims.check("attend is the package's attention", largest(ours - ready_made), "<", 1e-6)
claims.check("attend equals torch's fused kernel", largest(ours - fused), "<", 1e-5)
claims.check("control: without the root of K it does not", largest(ours - unscaled), ">", 0.1)

# %% [markdown]
# ## Several heads
#
# *What if a word has two questions?* *Feeds* asks who feeds, and who is fed. Let it ask for a person and an animal at once. **Guess first:**
# how many legs has the answer?

# %%
both = torch.tensor([[8.0, 8.0]])
person, animal = torch.tensor([[8.0, 0.0]]), torch.tensor([[0.0, 8.0]])

for name, asked in {"both": both, "a person": person, "an animal": animal}.items():
    print(f"asks for {name}: {float(attend(asked, key, value, causal=False)):.1f} legs")

# %% [markdown]
# One average mixes two answers into a creature with three legs. So a layer has several **heads**: attentions side by side, each with its own
# queries, keys and values, and so with its own question.

# %% [markdown]
# ### The whole layer
#
# A layer of attention takes vectors of width $D$ and gives vectors of width $D$:
#
# 1. Three linear maps make queries, keys and values, all of width $D$.
# 2. Each is cut into $H$ pieces of width $K = D/H$, one for each head.
# 3. Each head attends by itself.
# 4. The outputs of the heads are joined again, and a last linear map mixes them.
#
# Apart from biases and dropout, these lines are the attention of GPT. In the shapes, $B$ counts texts and $T$ positions.

# %%
from torch import nn


class Layer(nn.Module):
    """Self-attention with several heads: x (B, T, D) in, (B, T, D) out."""

    def __init__(self, width: int, num_heads: int, causal: bool):
        super().__init__()
        self.num_heads, self.causal = num_heads, causal
        self.qkv = nn.Linear(width, 3 * width, bias=False)  # the three maps in one
        self.project = nn.Linear(width, width, bias=False)

    def heads(self, part: Tensor) -> Tensor:
        """Cut the vectors into pieces: (B, T, D) to (B, H, T, K)."""
        return part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = map(self.heads, self.qkv(x).chunk(3, dim=-1))
        mixed = attend(query, key, value, self.causal)  # (B, H, T, K)
        return self.project(mixed.transpose(1, 2).flatten(2))  # (B, T, D)


# %% [markdown]
# So this is a whole layer. The package's is called `Attention`, torch's `nn.MultiheadAttention`. We give the package's the weights of ours.

# %% tags=["measure"]
# @title Page and package: the same layer
from course_utils.layers import Attention

own, layer = Layer(32, 4, causal=True), Attention(32, num_heads=4, causal=True)
layer.load_state_dict(own.state_dict())
claims.check("our layer is the package's layer", largest(own(x) - layer(x)), "<", 1e-6)

# %% [markdown]
# ## Attention does not know the order
#
# *Who bit whom?* A weighted average is a sum, and a sum has no order: the last word of a text gets the same output however we shuffle the words before
# it. But *dog bites Anna* is not *Anna bites dog*.
#
# The remedy: add to each word a vector that belongs to its **position**. We take 50 random vectors, shuffle the first 49,
# and see how far the last output moves, in four models:
#
# 1. one causal layer, without positions;
# 2. one causal layer, with positions;
# 3. two causal layers without positions: one layer used twice, the second time on the sum of its input and its output;
# 4. the same two without the mask.
#
# **Guess first:** in which of the four does it move?

# %%
shuffled = torch.cat([torch.randperm(49, generator=generator), torch.tensor([49])])
places = torch.randn(50, 32, generator=generator)
open_layer = Attention(32, num_heads=4, causal=False)


def moved(model) -> float:
    """How far the last output moves when the past is shuffled."""
    return largest(model(x)[:, -1] - model(x[:, shuffled])[:, -1])


one = moved(layer)
one_with_positions = moved(lambda x: layer(x + places))
two = moved(lambda x: layer(x + layer(x)))
two_open = moved(lambda x: open_layer(x + open_layer(x)))

# %% tags=["measure"]
# @title How far the last output moves
claims.check("one layer without positions: a shuffled past moves nothing", one, "<", 1e-5)
claims.check("control: with positions it moves", one_with_positions, ">", 0.01)
claims.check("two causal layers without positions: it moves too", two, ">", 0.01)
claims.check("control: two layers without the mask: nothing moves", two_open, "<", 1e-5)

# %% [markdown]
# It moves in the second and the third. In the third no position was added, and yet the second layer feels the order.
# The mask is the reason: in layer 1, each word has seen only what stood before it. Shuffled, it has another past, so layer 1 gives it another vector,
# and layer 2 averages other vectors. It comes back below.

# %% [markdown]
# ## A task that needs looking back
#
# *What can attention learn?* The task should be out of reach for a model that cannot look by content. So every text is written in a language
# made up for it alone: the 16 letters a to p are shuffled and cut into 4 words of random length, and the text strings these
# words together at random, without spaces. Three texts:

# %%
from course_utils import data

generator = torch.Generator().manual_seed(course.seed)


def spell(text: Tensor) -> str:
    """Token 0 is a, token 1 is b, and so on."""
    return "".join(chr(ord("a") + token) for token in text.tolist())


for text, knows in zip(*data.invented_texts(3, generator=generator), strict=True):
    print(spell(text))
    print(" " + "".join("^" if k else " " for k in knows.tolist()))

# %% [markdown]
# A mark stands under each letter that can be **known** in advance. Take the first mark of the second text, under a *c*. The letter before it is *l*.
# An earlier *l*, its **earlier twin**, is the second letter of the text. After the twin stands a *c*: the **answer**, ready to be copied. There is a mark
# wherever the letter before has a twin and its word goes on. Where a word ends, the next is drawn at random, and nobody can know.
#
# The words are new in every text. All that can be learned is a way of reading: *find where this letter stood before, and copy what came
# after it*.
#
# Each text has 33 letters. A model reads the first 32, and after each it gives **logits**, a score for every letter that may come next.
# Column $i$ of `known` says whether letter $i+1$ can be known.

# %%
tests, known = data.invented_texts(sizes.num_tests, generator=generator)  # (N, 33), (N, 32)
tests, known = tests.to(course.device), known.to(course.device)

# %% [markdown]
# The model is as small as can be. Letters and positions go in, then come layers of attention. Each adds what it finds to what it got, and a
# norm before it keeps the sizes in check. Nothing but attention mixes the positions.


# %%
class Reader(nn.Module):
    """Letters (B, T) in, logits (B, T, 16) out; between them nothing but layers of attention."""

    def __init__(self, num_layers=2, kind=Attention, width=64, num_heads=4):
        super().__init__()
        self.embed = nn.Embedding(16, width)
        self.place = nn.Embedding(32, width)
        self.layers = nn.ModuleList(kind(width, num_heads, causal=True) for _ in range(num_layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(num_layers + 1))
        self.logits = nn.Linear(width, 16)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.place.weight[: tokens.shape[1]]
        for norm, layer in zip(self.norms, self.layers, strict=False):
            x = x + layer(norm(x))
        return self.logits(self.norms[-1](x))


# %% [markdown]
# The loss is that of lesson 06, cross-entropy of the next letter in nats, counted only where it can be known. `trained`, folded,
# minimises it, on texts of which none is seen twice.


# %%
def known_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    text, known = batch  # (B, 33) letters, (B, 32) whether the next one can be known
    return F.cross_entropy(model(text[:, :-1])[known], text[:, 1:][known])


# %% tags=["measure"]
# @title One measure and one recipe for all models: AdamW at a rate of 0.006, 32 texts a step
from course_utils import training


@torch.no_grad()
def accuracy(model: nn.Module, text: Tensor = tests, known: Tensor = known) -> float:
    """Share of the letters that can be known that the model gets right."""
    right = model(text[:, :-1]).argmax(-1) == text[:, 1:]
    return float(right[known].float().mean())


losses = {}


def trained(name: str, model: nn.Module, texts: tuple[Tensor, Tensor]) -> nn.Module:
    """Train on texts, 32 in a batch, each seen once."""
    model = model.to(course.device)
    losses[name] = training.fit(
        model,
        data.Batches(*texts, batch_size=32, seed=course.seed).to(course.device),
        known_loss,
        num_steps=len(texts[0]) // 32,
        optimizer=training.adamw(model, 6e-3),
        checkpoint=course.checkpoint(name),
    )
    return model


# %%
texts = data.invented_texts(32 * sizes.num_steps, generator=generator)
reader = trained("reader", Reader(), texts)
print(f"right where it can be known: {accuracy(reader):.1%}")

# %% [markdown]
# ### What does it need?
#
# Three controls, each with one thing taken away:
#
# - **one layer** instead of two, but a larger one, with more weights than both layers have together, trained for 1,500 steps;
# - **no positions**: the position vectors are zero and stay zero;
# - **positions alone**: queries and keys are made from the position, never from the letter. Each place still chooses where to look, but the
#   same for every text.
#
# **Guess first:** which of the three will be right more than half the time? And how good is guessing? A clever guesser names one of the
# letters that it has seen.
#
# *The figure: the loss of each model while it trains, beside that of the guesser. Which lines leave the dashed one? When?*


# %% tags=["measure"]
# @title Train the three controls
class PositionAttention(Attention):
    """Attention whose queries and keys see the position only."""

    def __init__(self, width: int, num_heads: int, *, causal: bool):
        super().__init__(width, num_heads, causal=causal)
        self.place = nn.Parameter(torch.randn(32, width))

    def split(self, x: Tensor, turns: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        _, _, value = super().split(x)
        query, key, _ = super().split(self.place[: x.shape[1]].expand_as(x))
        return query, key, value


longer = data.invented_texts(32 * 1500, generator=generator)
one_layer = trained("one_layer", Reader(num_layers=1, width=96, num_heads=8), longer)

orderless = Reader()
nn.init.zeros_(orderless.place.weight).requires_grad_(False)  # zero, and never trained
orderless = trained("orderless", orderless, texts)

by_place = trained("places", Reader(kind=PositionAttention), texts)


# %% tags=["measure"]
# @title The loss of the four models over training
kinds = F.one_hot(tests[:, :-1], 16).cumsum(1).gt(0).sum(-1)[known]  # letters seen so far
guessing, guess_loss = float((1 / kinds).mean()), float(kinds.log().mean())
two, one = accuracy(reader), accuracy(one_layer)
named = {
    "model, two layers": losses["reader"],
    "control: one layer": losses["one_layer"],
    "positions alone": losses["places"],
    "no positions": losses["orderless"],
}
plots.loss_curve(
    named,
    ylabel="loss, nats a letter",
    references={"a guess": guess_loss},
    title="Two layers learn to read within 200 steps; one larger layer does not in 1,500",
    alt="The line of two layers drops from 2.7 to near 0 within 200 steps of 500. No positions falls more "
    "slowly and is at about 0.6 after 500. Positions alone stays close to the dashed line at 2.46. One "
    "larger layer leaves it after some 400 steps and is still above 1.5 after 1,500.",
)

# %% tags=["measure"]
# @title The share of known letters that each model gets right
places_alone, no_places = accuracy(by_place), accuracy(orderless)
print(f"guessing among the letters seen so far: {guessing:.0%}")
claims.check("two layers of attention solve the task", two, ">", 0.95)
claims.check("one larger layer, 1,500 steps: how far behind", two - one, ">", 0.4)
claims.check("positions alone, equal steps: how far behind", two - places_alone, ">", 0.4)
claims.check("even without positions it gets far beyond guessing", no_places - guessing, ">", 0.3)
print(f"right: two layers {two:.0%}, one layer {one:.0%}, ", end="")
print(f"positions alone {places_alone:.0%}, no positions {no_places:.0%}")

# %% [markdown]
# Only *no positions* is right more than half the time: under a causal mask the second layer can tell the order, as above. Ours learns more
# slowly without; whole language models do nearly as well (Haviv et al. 2022). Two wrong conclusions lie near.
#
# **"One layer cannot do it."** Undertrained is not unable: its line does leave that of the guesser, though in none of our trainings did a
# single layer pass one half ([the log](../docs/experiments.md)). A proof exists for long texts (Sanford et al. 2024); our 32 letters are too
# few for it.
#
# **"Positions alone are useless."** A control that fails proves little until it has been seen to succeed. So here is a task that positions
# alone *can* solve: eight letters go round in a circle, and every next letter has stood eight places before itself.

# %% tags=["measure"]
# @title Positions alone, trained on the circle
circle = torch.rand(7000, 16, generator=generator).argsort(1)[:, torch.arange(33) % 8]
can_know = (torch.arange(32) >= 8).expand(len(circle), -1)  # in the second round and later
turner = trained("circle", Reader(kind=PositionAttention), (circle[600:], can_know[600:]))
turned = accuracy(turner, circle[:600].to(course.device), can_know[:600].to(course.device))
claims.check("positions alone do solve a task whose answer has a fixed place", turned, ">", 0.9)

# %% [markdown]
# ## Where does it look?
#
# *How does the reader do it?* It has two layers of four heads. Of every head we ask how much of its attention goes to the letter **just
# before**, and how much to the **answer**, the letter after an earlier twin.
#
# *The figure: two maps of one text, one from each layer. A circle marks an answer. In which layer are the circles dark? Where does the other one
# look?*

# %% tags=["measure"]
# @title Attention on the answer, and two maps of one text
from course_utils.language import attention_maps

inputs = tests[:, :-1]  # (N, T)
maps = torch.stack(attention_maps(reader, inputs))  # (2 layers, N, 4 heads, T, T)
just_before = maps.diagonal(-1, dim1=3, dim2=4).mean((1, 3))  # (2, 4): one left of the diagonal

answer = torch.zeros(len(inputs), 32, 32, dtype=torch.bool, device=course.device)
answer[:, :, 1:] = inputs[:, :, None] == inputs[:, None, :-1]  # j follows a twin of letter i
answer = answer.tril()
on_answer = (maps * answer[:, None]).sum(-1).transpose(2, 3)[:, known].mean(1)  # (2, 4)

size = 24  # letters shown, of a text in which ten of them lead to a known one
example = int((known[:, :size].sum(1) == 10).nonzero()[0])
letters = list(spell(inputs[example, :size]))
shown = maps[:, example, :, :size, :size].cpu()  # (2 layers, 4 heads, 24, 24)
goal = (answer[example] & known[example][:, None])[:size, :size].cpu()
future = torch.ones(size, size).triu(1)

before, after = int(just_before[0].argmax()), int(on_answer[1].argmax())
plots.heatmap(
    torch.stack([shown[0, before], shown[1, after]]),
    titles=[f"layer 1, head {before + 1}", f"layer 2, head {after + 1}"],
    hidden=future,
    marked=goal,
    xticks=letters,
    yticks=letters,
    size=(8.0, 4.4),
    title="One head mostly looks one back; the other at what followed the earlier twin",
    alt="Left, a head of layer 1: a dark line runs just below the diagonal, with a few gaps. Right, a "
    "head of layer 2: from the first repeated letter on, most dark cells stand far off the diagonal "
    "and carry a circle. Some dark cells without a circle stand in rows where a word has ended.",
)

# %% tags=["measure"]
# @title How much attention, averaged over all texts
claims.check("every head of layer 2 looks at the answer (lowest)", on_answer[1].min(), ">", 0.7)
claims.check("control: no head of layer 1 does", on_answer[0].max(), "<", 0.2)
claims.check("a head of layer 1 looks at the letter before", just_before[0].max(), ">", 0.4)
claims.check("control: no head of layer 2 does", just_before[1].max(), "<", 0.2)

# %% [markdown]
# This is how we read the two maps; the tests follow. In layer 1 each letter takes a note of its predecessor: *I come after m*. The note is added to the
# vector of its place, so layer 2 can make a key from it. There a new *m* asks: *who comes after m?* The note fits, and the letter that carries it is
# copied. Such a head of layer 2 is called an **induction head** (Elhage et al. 2021). This way takes two layers, because the note has to be
# written before it can be found.
#
# (Dark cells without a circle: where a word has ended the head still finds what followed last time, and where no note fits it must spend its one unit somewhere.)

# %% [markdown] tags=["exercise-text"]
# ### Exercise 07.3 - The machine without training (20 min, medium)
#
# If this reading is right, we can build the machine by hand, without a single step of training. Do it for one text of letters 0 to $V-1$:
#
# 1. *Layer 1, the note.* Every position gets a vector that says which letter stands just before it. The first position has none: its note is zero.
# 2. *Layer 2, the question.* Position $i$ asks for notes that name its own letter. Score 50 where the note fits and 0 where not, with no division
#    by the root of $K$; no looking ahead; a softmax over each row.
# 3. *The copy.* The value of a position is its letter, as a vector with a single 1.
#
# So row $i$ of the result says how likely each letter is to come next. Where no note fits, it is the average of all letters so far.
#
# <details><summary>Hint</summary>
#
# `torch.eye(num_letters)[tokens]` makes a vector with a single 1 of each letter. The notes are the same vectors, one place further on. The product
# of a letter's vector with a note is 1 where they fit. `torch.roll` would give the first position the note of the *last* letter.
#
# </details>


# %% tags=["exercise"]
def predict_by_hand(tokens: Tensor, num_letters: int) -> Tensor:
    """Predict each next letter by two steps of attention that nobody trained.

    Args:
        tokens: (T,) whole numbers from 0 to num_letters - 1.
        num_letters: V.

    Returns:
        (T, V) row i: the probability of each letter after position i; each row sums to 1.
    """
    # BEGIN SOLUTION
    letters = torch.eye(num_letters)[tokens]  # (T, V)
    notes = torch.cat([torch.zeros(1, num_letters), letters[:-1]])  # (T, V)
    scores = 50 * letters @ notes.T  # (T, T)
    later = torch.ones_like(scores, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -math.inf).softmax(dim=-1) @ letters
    # END SOLUTION


# %% tags=["check"]
checks.run("07.3", predict_by_hand)

# %% [markdown]
# How many of the letters in `tests` does this machine get right, with no weight trained? **Guess first.**

# %% tags=["measure"]
# @title The machine by hand, on the texts that the trained reader was tested on
from course_utils.exercises.lesson_07.by_hand import predict_by_hand as by_hand

guesses = torch.stack([by_hand(text, 16).argmax(-1) for text in inputs.cpu()])
by_hand_right = (guesses == tests[:, 1:].cpu())[known.cpu()].float().mean()
claims.check("built by hand: right where it can be known (share)", by_hand_right, "==", 1)

# %% [markdown]
# ## Turn it yourself
#
# *Can you follow one answer back?* The framed row is the one that looks; orange bars stand on the answer. Find a letter
# of which layer 2 has found the answer. Go to the place of the answer and change to layer 1: what does *it* look at?

# %% tags=["measure"]
# @title A slider over positions, layers and heads
from course_utils.notebook import widgets


def show(position: int, layer: str, head: str):
    """Where one head looks from one position of the text above."""
    weights = shown[int(layer[-1]) - 1, int(head[-1]) - 1]
    row, hits = weights[position], goal[position]
    share = float(row[hits].sum())
    finding = f"{share:.0%} on the answer" if hits.any() else "no answer to be known"
    figure, (left, right) = plots.panels(
        2,
        title=f"{layer}, {head}, position {position} ({letters[position]}): {finding}",
        size=(8.0, 3.9),
        alt="Left, the map with one row framed. Right, this row as bars, orange where the answer is.",
    )
    plots.heatmap(weights, hidden=future, limits=(0, 1), xticks=letters, yticks=letters, ax=left)
    left.axhspan(position - 0.5, position + 0.5, fill=False, edgecolor=plots.NOISY, linewidth=1.5)
    colors = [plots.NOISY if hit else plots.MODEL for hit in hits]
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

# %% tags=["measure"]
# @title One view of the slider
show(position=int(goal.any(1).nonzero().max()), layer="layer 2", head=f"head {after + 1}")

# %% [markdown]
# ## Take it away
#
# *Does the model need what it looks at?* A map cannot say. So we remove heads and ask again. A head writes through its own columns of the last linear map of its layer. With zeros there, it says nothing.

# %%
import copy


def without(heads: list[tuple[int, int]]) -> float:
    """Accuracy when heads, given as (layer, head) from zero, are silent."""
    silenced = copy.deepcopy(reader)
    for layer, head in heads:
        columns = silenced.layers[layer].project.weight.unflatten(1, (4, -1))  # (D, H, K)
        columns.data[:, head] = 0
    return accuracy(silenced)


# %% [markdown]
# Each head of layer 2 has nearly all of its attention on the answer. **Guess first:** how much accuracy is lost without one of them? Without two?
#
# *The figure: each dot is one set of heads, removed from layer 1 or from layer 2. Compare the layers at two heads removed.*

# %% tags=["measure"]
# @title Every set of heads of one layer, removed
from itertools import combinations

left_over = {  # layer -> number removed -> accuracy without each set of that many
    layer: {
        count: [without([(layer, h) for h in some]) for some in combinations(range(4), count)]
        for count in range(5)
    }
    for layer in (0, 1)
}
plots.strips(
    {"layer 1": left_over[0], "layer 2": left_over[1]},
    references={"a guess": guessing},
    xlabel="heads removed from one layer",
    ylabel="share right",
    title="Any two heads of layer 2 can go at little cost; in layer 1 it matters which",
    alt="Dots over the number of heads removed from one layer. Layer 2: near one for up to two heads, "
    "spread for three, at a guess for all four. Layer 1: near one for one head, spread for two, spread "
    "wide for three, at a guess for all four.",
)

# %% tags=["measure"]
# @title Sets of equal size
claims.check("without all four heads of layer 1 little is left", left_over[0][4][0], "<", 0.2)
claims.check("without all four heads of layer 2 little is left", left_over[1][4][0], "<", 0.2)
claims.check("without any one head of layer 2 (worst of four)", min(left_over[1][1]), ">", 0.95)
claims.check("without any two heads of layer 2 (worst of six)", min(left_over[1][2]), ">", 0.85)
print(f"without two heads of layer 1 (worst of six): {min(left_over[0][2]):.0%}")

# %% [markdown]
# Both layers are needed. In layer 2 the heads stand in for each other; in layer 1 it matters which are left. This is
# one reader of one seed; others are alike ([the log](../docs/experiments.md)).
#
# Finer still: all heads stay, and single looks of layer 2 go. First all looks at the answer, then, as a control, all *other* looks.
# Whatever is left is scaled up to one unit again.
#
# *The figure: which of the two cuts hurts?*

# %% tags=["measure"]
# @title Single looks of layer 2, removed


@torch.no_grad()
def without_looks(hidden: Tensor) -> float:
    """Accuracy when layer 2 cannot look where hidden (N, T, T) is True."""
    first, second = reader.layers
    x = reader.embed(inputs) + reader.place.weight
    x = x + first(reader.norms[0](x))
    _, _, value = second.split(reader.norms[1](x))  # (N, H, T, K)
    weights = F.normalize(maps[1].masked_fill(hidden[:, None], 0), p=1, dim=-1)
    x = x + second.project((weights @ value).transpose(1, 2).flatten(2))
    right = reader.logits(reader.norms[2](x)).argmax(-1) == tests[:, 1:]
    return float(right[known].float().mean())


gone = {
    "model, all looks": accuracy(reader),
    "without looks at the answer": without_looks(answer),
    "control: without all other looks": without_looks(~answer),
}
plots.bars(
    gone,
    xlabel="share of the known letters that are right",
    form="{:.1%}",
    title="The looks of layer 2 at the answer carry the result",
    alt="Three bars. Without the looks at the answer next to nothing is left. Without all other looks "
    "the model stays near 100 percent.",
)

# %% tags=["measure"]
# @title Needed, and enough?
_, blind, only_answer = gone.values()
claims.check("without looks at the answer little is left", blind, "<", 0.2)
claims.check("control: all other looks can go", only_answer, ">", 0.95)

# %% [markdown]
# In layer 2 the looks at the answer are needed, and they are enough.

# %% [markdown]
# ## Where the claim stops being true
#
# *Is a large weight importance?* Any head that looks at the answer can be removed for next to nothing, because the others stand in. That
# speaks against it, and so does a second measurement, about the input itself. (Jain & Wallace 2019 found the like, in other models and by
# other measurements.)
#
# In each text, take the first position whose next letter can be known. Its twin stands at some place $j$, so the answer stands at $j+1$. We
# change one letter into the next of the alphabet, and count how often the model no longer gives the old answer: at the answer itself, at
# the twin, or, as a control, at another earlier place drawn at random.
#
# **Guess first:** the twin gets a few percent of layer 2's attention. How many answers break when it is changed?
#
# *The figure: attention of layer 2 on the left, broken answers on the right.*

# %% tags=["measure"]
# @title One letter changed: the attention on it, and the answers that break
now = known.int().argmax(1, keepdim=True)  # (N, 1) the first letter with an answer
twin = (inputs == inputs.gather(1, now)).int().argmax(1, keepdim=True)  # where it stood before
places = torch.arange(32, device=course.device)
others = (places < now) & (places != twin) & (places != twin + 1)  # (N, T)
use = known.any(1) & others.any(1)
another = torch.multinomial(others[use].float().cpu(), 1, generator=generator).to(course.device)
now, twin = now[use], twin[use]
every = torch.arange(len(now), device=course.device)


@torch.no_grad()
def after_change(spot: Tensor) -> tuple[float, float]:
    """Attention of layer 2 on a spot (N, 1), and the share of answers that a change there breaks."""
    weight = maps[1][use].mean(1)[every, now[:, 0], spot[:, 0]].mean()
    text = inputs[use]
    changed = text.scatter(1, spot, (text.gather(1, spot) + 1) % 16)
    guess = reader(changed).argmax(-1).gather(1, now)
    return float(weight), float((guess != tests[use].gather(1, now + 1)).float().mean())


spots = {"the answer": twin + 1, "the twin": twin, "control: another letter": another}
looked, broken = {}, {}
for name, spot in spots.items():
    looked[name], broken[name] = after_change(spot)

figure, (left, right) = plots.panels(
    2,
    title="The twin gets almost no attention of layer 2, and most answers hang on it",
    titles=["attention of layer 2 on the letter", "answers that break when it is changed"],
    size=(8.0, 2.2),
    alt="Two groups of three bars. Attention: high on the answer, near zero on the twin and on another "
    "letter. Broken answers: nearly all for the answer, most for the twin, hardly any for another letter.",
)
plots.bars(looked, form="{:.0%}", ax=left)
plots.bars(broken, form="{:.0%}", ax=right)
right.set_yticks([])
figure

# %% tags=["measure"]
# @title Attention and need of the twin
claims.check("the twin gets little of layer 2's attention", looked["the twin"], "<", 0.15)
claims.check("yet most answers break when the twin is changed", broken["the twin"], ">", 0.6)
claims.check("control: another letter can be changed", broken["control: another letter"], "<", 0.15)
note = maps[0][use].transpose(1, 3)[every, twin[:, 0], twin[:, 0] + 1].mean(0).max()
claims.check("layer 1 looks from the answer at the twin (highest head)", note, ">", 0.7)

# %% [markdown]
# The note about the twin lies at the answer: layer 1 looks from $j+1$ to $j$, and layer 2 looks at $j+1$. A map of one layer cannot show that.
# Weights say where a head reads; only a change says what the answer needs. How far maps may still serve as explanations is disputed
# (Wiegreffe & Pinter 2019).

# %% [markdown]
# ## The price
#
# *What does it cost that every word asks every word?* Count a multiplication and an addition as two operations: the looks of a layer take
# $2T^2D$ for the scores and $2T^2D$ for the averages. Its four linear maps take $8TD^2$, and the two more maps that follow in a GPT,
# from width $D$ to $4D$ and back, $16TD^2$. **Guess first:** at width 128, from what length on do the looks cost more than all the rest?

# %% tags=["measure"]
# @title Operations of the looks and of the linear maps, as torch counts them
looks, rest = [], []
maps_each = nn.Linear(128, 12 * 128, bias=False, device="meta")  # as many weights as all six maps
for length in (384, 768, 1536):  # tensors on the device "meta" have a shape and no content
    each = torch.empty(1, 4, length, 32, device="meta")
    looks.append(measure.forward_flops(attend, each, each, each, True))
    rest.append(measure.forward_flops(maps_each, torch.empty(1, length, 128, device="meta")))
    print(
        f"{length:,} tokens, in millions: looks {looks[-1] / 1e6:,.0f}, rest {rest[-1] / 1e6:,.0f}"
    )
claims.check("twice the text, four times the looks", looks[2] / looks[1], "within", (3.9, 4.1))
claims.check("control: twice the text, twice the rest", rest[2] / rest[1], "within", (1.9, 2.1))

# %% [markdown]
# Both are equal where $4T^2D = 24TD^2$, at $T = 6D$, here 768 tokens. The operations stay. But the *table* of scores need not be stored, and
# this is the trick of torch's fused kernel. You can find it yourself:

# %% [markdown] tags=["exercise-text"]
# ### Exercise 07.4 - Read once (25 min, hard)
#
# Compute the output of attention for one query **without ever holding a row of scores**. Go over the keys and values once, one after the
# other, and keep only a few running numbers: no list of scores, no second loop. Scores may again be as large as in Exercise 07.1.
#
# <details><summary>Hint</summary>
#
# Keep three things: the largest score so far, the sum of $e^{\text{score} - \text{largest}}$, and the same sum with each term times its value. When
# a new score is larger than the largest, all old terms are too big by the same factor. Which?
#
# </details>


# %% tags=["exercise"]
def read_once(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return softmax(q k^T / sqrt(K)) v for one query, reading each key and value once.

    Args:
        query: (K,) what the position asks for.
        keys: (T, K) what each position offers, T at least 1.
        values: (T, V) what each position tells; V may differ from K.

    Returns:
        (V,) the weighted average of the values.
    """
    # BEGIN SOLUTION
    top, total, mixed = -math.inf, 0.0, torch.zeros_like(values[0])
    for key, value in zip(keys, values, strict=True):
        score = float(query @ key) / math.sqrt(len(query))
        old, top = top, max(top, score)
        shrink, share = math.exp(old - top), math.exp(score - top)
        total = shrink * total + share
        mixed = shrink * mixed + share * value
    return mixed / total
    # END SOLUTION


# %% tags=["check"]
checks.run("07.4", read_once)

# %% [markdown]
# ## What was measured
#
# **Verdict on *importance*: a weight is not importance. A head with large weights could go while others did its work. A letter with a small weight in
# layer 2 was needed, because layer 1 had read it.**

# %% tags=["measure"]
# @title All claims of this lesson
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# Attention belongs to neither diffusion nor language models alone. `course_utils/layers/` holds one `Attention` for both:
#
# | | diffusion | language |
# |---|---|---|
# | what looks at what | patches of one noisy image | tokens of one text |
# | the mask | none: `causal=False` | later tokens: `causal=True` |
# | why | the whole image is there at once | the next token is the question |
# | what else comes in | the time `t`, and the position | the position |
#
# ## Papers
#
# - Bahdanau et al. 2015, *Neural machine translation by jointly learning to align and translate*, arXiv:1409.0473: the idea.
# - Vaswani et al. 2017, *Attention is all you need*, arXiv:1706.03762: equation 1, the root of K, the heads.
# - Elhage et al. 2021, *A mathematical framework for transformer circuits*, transformer-circuits.pub/2021/framework: attention-only models,
#   induction heads.
# - Olsson et al. 2022, *In-context learning and induction heads*, arXiv:2209.11895: the same heads in large models.
# - Sanford et al. 2024, *One-layer transformers fail to solve the induction heads task*, arXiv:2408.14332.
# - Haviv et al. 2022, *Transformer language models without positional encodings still learn positional information*, arXiv:2203.16634.
# - Jain & Wallace 2019, *Attention is not explanation*, arXiv:1902.10186, and the reply of Wiegreffe & Pinter 2019, *Attention is not not
#   explanation*, arXiv:1908.04626.
# - Milakov & Gimelshein 2018, *Online normalizer calculation for softmax*, arXiv:1805.02867, and Dao et al. 2022, *FlashAttention*,
#   arXiv:2205.14135: reading once.
