# %% [markdown]
# # 09 · Decoding
#
# **A language model says how likely each next word is. How do its probabilities become a text, and what does each way cost?**
#
# After this lesson you can
#
# - write four common knobs of chat programs, and say what each does to a distribution;
# - compare two ways of choosing fairly, at equal randomness;
# - write a key-value cache and the rule of speculative decoding, and say when they pay.
#
# *35 minutes to read, 40 minutes for the exercises, about 80 seconds to run on two cores. Needs lessons 06 and 07. The quoted claims are from [the article](../docs/article.md).
# Each exercise is solved in [the answer booklet](answers/09_decoding.ipynb).*

# %% [markdown]
# Run this cell first.

# %% tags=["setup"]
import copy
import math
import time

import torch
from torch import Tensor, nn

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("09", seed=0)
claims = Claims("09")
sizes = course.sizes(
    cpu=dict(num_stories=200, num_prompts=48),
    gpu=dict(num_stories=1000, num_prompts=200),
)

# %% [markdown]
# ## The claim
#
# > *Creates text sequentially, one token at a time (autoregressive).*
#
# > *Typically deterministic (greedy) or probabilistic (sampling-based).*
#
# Both sentences are about **decoding**: what happens between the probabilities of a model and a text. Training is over. Nothing in this lesson changes a weight.

# %% [markdown]
# ## A first look
#
# Our model is a small GPT. Its tokens are words, and it has read 20,000 stories of three sentences. A known grammar made them, so we can say of any story whether the
# language allows it, and how likely it is. A line break ends a story, and so begins the next: it serves as the prompt.

# %%
from course_utils import data, recipes
from course_utils.language import sample
from course_utils.records import last
from course_utils.recipes.stories import tokenizer

writer = recipes.load("stories", course.device)
grammar, words = data.stories(), tokenizer()
END = int(words.encode("\n")[0])
start = torch.tensor([[END]], device=course.device)  # (1, 1)

# %% [markdown]
# The probabilities after each word can be used in two ways. **Greedy** takes the likeliest word. **Sampling** draws one, each as often as its probability says. Here is the whole loop:


# %%
@torch.no_grad()
def write(temperature: float, seed: int = 0, most: int = 60) -> Tensor:
    generator, text = torch.Generator().manual_seed(seed), start
    for _ in range(most):
        logits = writer(text)[0, -1].cpu()  # (V,) for the next word
        if temperature == 0:
            new = logits.argmax()
        else:
            probs = (logits / temperature).softmax(-1)
            new = torch.multinomial(probs, 1, generator=generator)
        text = torch.cat([text, new.view(1, 1).to(text.device)], dim=1)
        if new == END:
            break
    return text  # (1, T)


for name, temperature in {"greedy": 0, "drawn": 1}.items():
    text = write(temperature)
    print(f"{name}: {words.decode(text[0, 1:].tolist()).strip()} ({text.shape[1] - 1} calls)")
by_package = last(sample(writer, start, max_new_tokens=60, temperature=0, stop=END))
claims.check("greedy: page and package agree", torch.equal(by_package.state, write(0)), "==", True)

# %% [markdown]
# *One token at a time* is literally so: each word, and the line break, took a call of the model. The package's `sample` is this loop with a batch, filters and a cache; `stop=END` ends a text.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 09.1 - Draw a token (8 min, easy)
#
# How does one random number choose among a hundred words? Lay the probabilities of a row one after the other along the line from 0 to 1. Each token owns a piece as long as its probability. A
# **coin**, a number from 0 up to below 1, falls into one of the pieces. A coin on the border of two pieces belongs to the right one.
# A row of floats may sum to a hair less than 1, and a coin may fall behind it: multiply the coin by the row's sum, so that it is always on a piece.
#
# <details><summary>Hint</summary>
#
# Where does the piece of token $i$ end? `cumsum`. The token is the number of pieces that end at or before the coin. The last end is the sum of the row.
#
# </details>


# %% tags=["exercise"]
def pick(probs: Tensor, coins: Tensor) -> Tensor:
    """Return the token that each coin falls on.

    Args:
        probs: (B, V) probabilities; each row sums to 1, and some may be 0.
        coins: (B,) one number for each row, from 0 up to below 1.

    Returns:
        (B,) tokens, whole numbers; never one of probability 0.
    """
    # BEGIN SOLUTION
    ends = probs.cumsum(-1)
    return (ends <= coins[:, None] * ends[:, -1:]).sum(-1)
    # END SOLUTION


# %% tags=["check"]
checks.run("09.1", pick)

# %% [markdown]
# ## Four knobs
#
# *What can be turned between the model and the draw?* The first knob you know from lesson 06. Logits are divided by a **temperature** $T$ before the softmax: below 1 the likely words become likelier, above
# 1 all come nearer to each other, and $T \to 0$ is greedy.
#
# A hot draw has a flaw. A hundred words that are wrong here have a little probability each, together they have much. So three filters cut off this tail. Each sets the logits of
# the words that it removes to $-\infty$:
#
# - **top-k** keeps the $k$ likeliest words (and ties with the last of them);
# - **top-p** (the *nucleus*) keeps the fewest of the likeliest words that together hold the share $p$;
# - **min-p** keeps the words at least $p$ times as likely as the likeliest.


# %%
def top_k(logits: Tensor, k: int) -> Tensor:
    least = logits.topk(k).values[..., -1:]  # (..., 1) the k-th largest
    return logits.masked_fill(logits < least, -math.inf)


def top_p(logits: Tensor, p: float) -> Tensor:
    ordered, order = logits.sort(descending=True, stable=True)
    probs = ordered.softmax(-1)
    # 0.5, 0.3, 0.15, 0.05 and p = 0.7: before each stand 0, 0.5, 0.8, 0.95, so two words stay.
    enough = probs.cumsum(-1) - probs >= p  # what comes before already holds p
    removed = torch.empty_like(enough).scatter(-1, order, enough)  # back in the order of the words
    return logits.masked_fill(removed, -math.inf)


def min_p(logits: Tensor, p: float) -> Tensor:
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < p * probs.amax(-1, keepdim=True), -math.inf)


# %% [markdown]
# The package has the same three, and `sample` applies them after the temperature. We compare on all logits that the model gives to 500 true stories, a seed that it was not trained on.

# %% tags=["measure"]
# @title Page and package keep the same words
from course_utils import language

true_stories = grammar.sample(500, seed=course.seed + 1)  # the model has read next to none
rows = [[END, *words.encode(story).tolist()] for story in true_stories]
longest = max(map(len, rows))
told = torch.tensor([row + [END] * (longest - len(row)) for row in rows], device=course.device)
inside = torch.tensor([[i < len(row) - 1 for i in range(longest)] for row in rows])
with torch.no_grad():
    said = writer(told).cpu()[inside]  # (N, V) logits at every place of the true stories

pairs = {
    (top_k, language.keep_top_k): (1, 4, 50),
    (top_p, language.keep_top_p): (0.1, 0.5, 0.9),
    (min_p, language.keep_min_p): (0.02, 0.1, 0.5),
}
same = all(
    torch.equal(ours(said / 2, value), ready(said / 2, value))
    for (ours, ready), values in pairs.items()
    for value in values
)
claims.check("the three filters of the page are the package's", same, "==", True)

# %% [markdown]
# Now turn them. A story has come as far as *..., and she*. The grammar allows four words here: *was*, *slept*, *laughed*, *never*.
#
# *The figure: the probability of the ten likeliest words and of all others together. Green words are allowed here, orange ones are wrong. Set the temperature to 2. Then find, for each filter, a setting that keeps
# the green words and removes the orange ones.*

# %% tags=["measure"]
# @title The next word under one setting, drawn
from course_utils.language import next_probs

she = (
    "One morning Mia found a golden key by the river. Snow began to fall and two frogs sang in the "
    "garden. In the evening Mia took the key home, and she"
)
kinds = {"top-k": ("top_k", int), "top-p": ("top_p", float), "min-p": ("min_p", float)}


def next_words(prefix: str, temperature: float, knob: str):
    """Probabilities of the next word after a prefix, under one setting."""
    with torch.no_grad():
        prompt = torch.cat([start[0].cpu(), words.encode(prefix)])[None].to(course.device)
        logits = writer(prompt)[0, -1].cpu()  # (V,)
    first, allowed = logits.argsort(descending=True)[:10], grammar.next_token_probs(prefix)
    name, value = knob.split()
    options = {kinds[name][0]: kinds[name][1](value)} if name in kinds else {}
    probs = next_probs(logits, temperature, **options)
    names = [words.tokens[i] for i in first]
    heights = [*probs[first].tolist(), float(1 - probs[first].sum())]
    right = [float(probs[words.encode(word)[0]]) for word in allowed]
    figure, (ax,) = plots.panels(
        title=f"temperature {temperature:g}, {knob}: {abs(1 - sum(right)):.1%} on wrong words, "
        f"{right.count(0)} of {len(right)} allowed words removed",
        size=(8.0, 2.6),
        alt="Bars of the ten likeliest next words and one for all others; the allowed words are green, "
        "the wrong ones orange.",
    )
    colors = [plots.MODEL if name in allowed else plots.NOISY for name in names]
    ax.bar(range(11), heights, color=[*colors, plots.NOISY])
    ax.set_xticks(range(11), [*names, "91 others"], rotation=30, ha="right")
    ax.set(ylim=(0, 1 if max(heights) > 0.7 else 0.7), ylabel="probability")
    return figure


# %% tags=["measure"]
# @title A slider over temperature and filters
def show(temperature: float, knob: str):
    """The next word after *and she*."""
    return next_words(she, temperature, knob)


settings = ["no filter", "top-k 2", "top-k 4", "top-k 10", "top-p 0.5", "top-p 0.8", "top-p 0.95"]
settings += ["min-p 0.3", "min-p 0.05", "min-p 0.01"]
widgets.slider(show, temperature=[1.0, 0.3, 0.7, 1.5, 2.0, 3.0], knob=settings)

# %% [markdown]
# At temperature 2 without a filter, and with $k = 4$:

# %% tags=["measure"]
# @title Hot, without a filter
show(temperature=2.0, knob="no filter")

# %% tags=["measure"]
# @title Hot, with top-k
show(temperature=2.0, knob="top-k 4")

# %% [markdown]
# Here $k = 4$ is perfect. But four is the number of *this* place. **Guess first:** what does it do after *One morning*, where six names are allowed?

# %% tags=["measure"]
# @title The same filter after "One morning"
next_words("One morning", 2.0, "top-k 4")

# %% [markdown]
# Two names cannot be said. And where one word is allowed, three wrong ones stay. We measure both errors for each filter at all places of the 500 true stories.

# %% tags=["measure"]
# @title The two errors of three filters, at every place of the true stories
right = torch.zeros_like(said, dtype=torch.bool)  # (N, V) what the grammar allows
place = 0
for story in true_stories:
    for _, probs in list(grammar.conditionals(story))[:-1]:
        right[place, [int(words.encode(word)[0]) for word in probs if word != data.END]] = True
        place += 1
assert place == len(said)
counts = right.sum(1)
print(
    f"allowed next words: {int(counts.min())} to {int(counts.max())}, one at {(counts == 1).float().mean():.0%} of all places"
)

errors = {}
print("on wrong words / allowed words removed    T = 1             T = 2             T = 3")
for name, options in {
    "no filter": {},
    "top-k 4": {"top_k": 4},
    "top-p 0.8": {"top_p": 0.8},
    "min-p 0.05": {"min_p": 0.05},
}.items():
    cells = []
    for heat in (1, 2, 3):
        probs = next_probs(said, float(heat), **options)
        wrong = float((probs * ~right).sum(1).mean())
        lost = float(((probs == 0) & right).sum() / right.sum())
        errors[name, heat] = wrong, lost
        cells.append(f"{wrong:6.2%} / {lost:6.2%}")
    print(f"{name:38} {'   '.join(cells)}")
claims.check("T = 2, top-k 4 removes allowed words (share)", errors["top-k 4", 2][1], ">", 0.05)
claims.check("and it leaves wrong ones (probability)", errors["top-k 4", 2][0], ">", 0.005)
claims.check("min-p 0.05 removes next to no allowed word", errors["min-p 0.05", 2][1], "<", 0.01)
claims.check("and leaves next to no wrong one", errors["min-p 0.05", 2][0], "<", 0.0005)
claims.check("T = 3, top-p 0.8 leaves wrong ones", errors["top-p 0.8", 3][0], ">", 0.1)
claims.check("min-p 0.05 does too", errors["min-p 0.05", 3][0], ">", 0.01)

# %% [markdown]
# A fixed $k$ errs on both sides. Top-p and min-p look at the distribution, and keep many words where many are likely and one where one is. But each setting fits a range of temperatures: at 1 top-p removes what is allowed, at 3 noise fills the nucleus. And what
# a filter removes can never be said.

# %% [markdown]
# ## What temperature does to a whole story
#
# *How hot is too hot?* We write three groups of 200 stories at each of seven temperatures (1,000 in the gpu tier), and ask three things of each group:
#
# - **valid**: does the grammar allow the story, from its first word to its line break?
# - **different**: how many are not the same as an earlier one?
# - **entropy**: how many nats of choice were in each word? That is the mean entropy of the distributions that the words were drawn from, filters included.
#
# The language itself has an entropy too, and the grammar says exactly how much: the dashed line. **Guess first:** at temperature 1 the model draws what it believes. Are all its stories valid?

# %% tags=["measure"]
# @title How stories are counted, and three groups at seven temperatures
from course_utils import measure


def measured(num: int = sizes.num_stories, **settings) -> list[measure.Scatter]:
    """Three times `num` stories: share valid, share different, nats a word, with their scatter."""
    generator = torch.Generator().manual_seed(course.seed)
    nats = torch.zeros(3 * num)
    length = torch.zeros(3 * num)
    going = torch.ones(3 * num, dtype=torch.bool)
    options = dict(max_new_tokens=60, stop=END, generator=generator, **settings)
    for step in sample(writer, start.expand(3 * num, 1), **options):
        nats += going * measure.entropy(step.prediction).cpu()
        length += going
        going &= (step.state[:, -1] != END).cpu()
    texts = [row[1:] for row in step.state.tolist()]
    stories = [words.decode(row[: row.index(END) + 1] if END in row else row) for row in texts]
    found = []
    for first in range(0, 3 * num, num):
        some = slice(first, first + num)
        valid = sum(map(grammar.is_valid, stories[some])) / num
        different = len(set(stories[some])) / num
        found.append((valid, different, nats[some].sum() / length[some].sum()))
    return [measure.Scatter.of(values) for values in zip(*found, strict=True)]


temperatures = [0, 0.3, 0.7, 1.0, 1.25, 1.5, 2.0]
by_heat = {heat: measured(temperature=heat) for heat in temperatures}
own_entropy = grammar.entropy() / grammar.expected_length()

# %% tags=["measure"]
# @title Valid and different stories, and the entropy of the choice, over the temperature
figure, (left, right_ax) = plots.panels(
    2,
    title="Colder than 1 the stories are valid; hotter than 1 they break",
    titles=["share of the stories", "entropy of the choice"],
    size=(8.0, 3.0),
    alt="Left, over the temperature: the share of valid stories is one up to temperature 1 and falls to "
    "near zero at 2; the share of different stories is near zero at 0 and near one from 0.3 on. "
    "Right, the entropy rises, crosses the dashed line of the language at 1 and grows fast beyond 1.5.",
)
marks = {"marker": "o"}
plots.curves(
    {
        "valid": (temperatures, [by_heat[heat][0].mean for heat in temperatures]),
        "different": (temperatures, [by_heat[heat][1].mean for heat in temperatures]),
    },
    styles={"valid": marks, "different": marks},
    xlabel="temperature",
    ax=left,
)
plots.curves(
    {"stories": (temperatures, [by_heat[heat][2].mean for heat in temperatures])},
    references={"language": own_entropy},
    styles={"stories": marks},
    xlabel="temperature",
    ylabel="nats a word",
    ax=right_ax,
)
figure

# %% tags=["measure"]
# @title Greedy, as believed, hot
cold, believed, hot = by_heat[0], by_heat[1.0], by_heat[2.0]
claims.check("greedy: all stories valid", cold[0].mean, "==", 1)
claims.check(
    "greedy: number of different stories", round(cold[1].mean * sizes.num_stories), "==", 1
)
claims.check("temperature 1: valid stories (share)", believed[0].mean, ">", 0.9)
claims.check(
    "temperature 1: entropy, share of the language's own",
    believed[2].mean / own_entropy,
    "within",
    (0.97, 1.05),
)
claims.check("temperature 2: valid stories (share)", hot[0].mean, "<", 0.15)
print(f"valid at 1: {believed[0]}; at 2: {hot[0]}; words a story: {grammar.expected_length():.0f}")

# %% [markdown]
# At temperature 1 the entropy is nearly that of the language. Each wrong word is rare there, but a story has a chance for one at each of its forty words. A cold writer is safe and says less. A hot one is lost. Here are three at temperature 2; `>>> <<<` marks the first word that the grammar does not allow:

# %% tags=["measure"]
# @title Three stories at temperature 2, up to the first wrong word and beyond
for seed in (0, 1, 2):
    parts = grammar.split(words.decode(write(2.0, seed)[0, 1:].tolist()))
    for place, part in enumerate(parts):
        if part not in grammar.next_token_probs(parts[:place]):
            parts[place] = f">>>{part}<<<"
            break
    print(grammar.join(parts).strip(), end="\n\n")

# %% [markdown]
# ## Which filter is best?
#
# *Let us have it hot and valid.* At temperatures 2 and 3, with a filter:

# %% tags=["measure"]
# @title Hot stories with each filter
filtered = {
    "top-k 4, T = 2": dict(temperature=2.0, top_k=4),
    "top-p 0.8, T = 2": dict(temperature=2.0, top_p=0.8),
    "min-p 0.05, T = 2": dict(temperature=2.0, min_p=0.05),
    "top-p 0.8, T = 3": dict(temperature=3.0, top_p=0.8),
    "min-p 0.05, T = 3": dict(temperature=3.0, min_p=0.05),
}
by_filter = {"no filter, T = 2": hot} | {n: measured(**options) for n, options in filtered.items()}
plots.bars(
    {name: found[0].mean for name, found in by_filter.items()},
    control="no filter, T = 2",
    form="{:.0%}",
    xlabel="valid stories",
    title="Top-p and min-p make temperature 2 safe, but not 3",
    alt="Six bars. Without a filter a few percent are valid, with top-k 4 about seven in ten; at "
    "temperature 2 with top-p 0.8 and min-p 0.05 all; at 3 none with top-p, a third with min-p.",
)

# %% [markdown]
# A triumph at 2? The comparison is not fair: the filtered stories may be valid because they are *less random*, as greedy ones are. So the control must be matched: **equal entropy**, measured on the texts themselves. We turn the knob of each filter at temperature 2, and the temperature alone as their rival.
#
# **Guess first:** at equal entropy, which is better, a filter or a lower temperature?
#
# *The figure: each dot is one setting, the mean of its three groups. The dotted line is about the most entropy that text without a wrong word can have: all allowed words equally likely, at every place of the true stories. Compare the
# curves on both sides of it.*

# %% tags=["measure"]
# @title Valid stories against entropy, for each knob over its range
at_two = {"top-k": by_filter["top-k 4, T = 2"], "min-p": by_filter["min-p 0.05, T = 2"]}
warm = measured(temperature=1.05)
twice = 2 * sizes.num_stories  # where the answer is near
swept = {
    "temperature alone": [believed, warm, by_heat[1.25]]
    + [measured(twice, temperature=heat) for heat in (1.4, 1.5)],
    "top-k": [at_two["top-k"] if k == 4 else measured(temperature=2.0, top_k=k) for k in (3, 4, 5)],
    "top-p": [by_filter["top-p 0.8, T = 2"], measured(temperature=2.0, top_p=0.87)]
    + [measured(twice, temperature=2.0, top_p=p) for p in (0.89, 0.91)],
    "min-p": [at_two["min-p"], measured(temperature=2.0, min_p=0.014)]
    + [measured(twice, temperature=2.0, min_p=p) for p in (0.01, 0.007)],
}
most = float(counts.float().log().mean())
colors = (plots.REFERENCE, plots.ORANGE, plots.SKY, plots.PURPLE)
figure, (ax,) = plots.panels(
    title="Top-p and min-p win where the allowed words suffice, and lose beyond",
    size=(8.0, 3.4),
    alt="Four falling lines and a dotted vertical one at 0.446 nats. Left of it top-p and min-p are "
    "at the top, temperature alone a little below. Right of it temperature alone is above both. "
    "Top-k lies far below all.",
)
plots.curves(
    {
        name: ([f[2].mean for f in found], [f[0].mean for f in found])
        for name, found in swept.items()
    },
    styles={
        name: {"marker": "o", "color": color} for name, color in zip(swept, colors, strict=True)
    },
    xlabel="entropy, nats a word",
    ylabel="valid stories",
    ax=ax,
)
ax.axvline(most, color=plots.REFERENCE, linestyle=":")
figure

# %% tags=["measure"]
# @title Equal entropy, on both sides of the line
import numpy as np


def at_entropy(found: list[list[measure.Scatter]], nats: float) -> measure.Scatter:
    """Valid stories of each group, interpolated between settings to one entropy."""
    return measure.Scatter.of(
        np.interp(
            nats,
            [f[2].values[group] for f in found],
            [f[0].values[group] for f in found],
            left=math.nan,
            right=math.nan,
        )
        for group in range(3)
    )


cool = {"temperature 1.05": warm, "top-p 0.8": swept["top-p"][0], "min-p 0.05": swept["min-p"][0]}
for name, found in cool.items():
    print(f"{name:18} {found[2].mean:.3f} nats, broken: {1 - found[0].mean:.1%}")
unequal = max(abs(found[2].mean - warm[2].mean) for found in cool.values())
claims.check("these three: largest difference in entropy", unequal, "<", 0.004)
claims.check("temperature alone breaks some stories (share)", 1 - warm[0].mean, ">", 0.005)
claims.check("top-p does not (share)", 1 - cool["top-p 0.8"][0].mean, "<", 0.004)
claims.check("min-p does not (share)", 1 - cool["min-p 0.05"][0].mean, "<", 0.004)
matched = {name: at_entropy(swept[name], 0.52) for name in ("temperature alone", "top-p", "min-p")}
for name, found in matched.items():
    print(f"{name:18} valid at 0.52 nats: {found}")
for name in ("top-p", "min-p"):
    behind = matched["temperature alone"].mean - matched[name].mean
    claims.check(f"at 0.52 nats {name} is behind temperature alone by", behind, ">", 0.02)
behind = at_entropy(swept["temperature alone"], 0.45).mean - at_entropy(swept["top-k"], 0.45).mean
claims.check("at 0.45 nats top-k at temperature 2 is behind by", behind, ">", 0.07)

# %% [markdown]
# The lines cross. Heat makes the allowed words more even, a filter takes away the wrong ones that heat lets in: entropy for free, until the allowed words are used up, near the dotted line. To get more, it must let wrong words in, and then it is worse than plain heat. What looked like a win by
# everything is a few stories in a hundred. (Schaeffer et al. 2025 did not find min-p ahead on large models either.)

# %% [markdown] tags=["exercise-text"]
# ### Exercise 09.2 - Typical sampling (15 min, medium)
#
# All three filters keep the likeliest word. Meister et al. 2022 found that people often do not say it: what they say is about as surprising as is to be expected. The **surprise** of a token is
# $-\log p$, and what is expected of it is the entropy $H = -\sum p \log p$ of its row.
#
# Write this filter for a batch. In each row, order the tokens by how far their surprise is from the entropy of that row, the nearest first. Keep the fewest from the front that together hold at least
# `mass`. All others become $-\infty$. A logit may already be $-\infty$; then $p \log p$ is 0.
#
# <details><summary>Hint</summary>
#
# `top_p` on the page has the form: order, running sum, mark, put the marks back. What changes is what the order goes by. `torch.special.entr(p)` is $-p\log p$, and 0 for $p = 0$.
#
# </details>


# %% tags=["exercise"]
def keep_typical(logits: Tensor, mass: float) -> Tensor:
    """Return the logits with everything removed that is not typical.

    Args:
        logits: (B, V), for any B and V; -inf for what was removed before.
        mass: the probability that the kept tokens hold at least, above 0 and below 1.

    Returns:
        (B, V) kept logits as they are, the others -inf.
    """
    # BEGIN SOLUTION
    logs = logits.log_softmax(-1)
    entropy = torch.special.entr(logs.exp()).sum(-1, keepdim=True)
    order = (-logs - entropy).abs().argsort(-1)
    probs = logs.exp().gather(-1, order)
    enough = probs.cumsum(-1) - probs >= mass
    removed = torch.empty_like(enough).scatter(-1, order, enough)
    return logits.masked_fill(removed, -math.inf)
    # END SOLUTION


# %% tags=["check"]
checks.run("09.2", keep_typical)

# %% [markdown]
# ## The likeliest text
#
# *Should we not look for the likeliest text?* Greedy need not find it: a likely word now may lead to unlikely words later. **Beam search** keeps several texts at once, the *beams*:
#
# 1. Begin with one beam, the prompt.
# 2. Continue every beam by every word. The log-probability of a text is the sum over its words.
# 3. Keep the `width` likeliest of all these texts, and go back to 2.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 09.3 - Beam search (15 min, hard)
#
# Write it. The model is a function that takes texts (W, T) and gives the log-probabilities (W, V) of their next token. There are fewer texts than `width` at first; keep them all then. No stop tokens here.
#
# <details><summary>Hint</summary>
#
# All continuations of all beams compete: add `scores[:, None]` to the (W, V), `flatten`, and take `topk`. In the flattened tensor, number $n$ belongs to beam `n // V` and token `n % V`.
#
# </details>


# %% tags=["exercise"]
def search(next_logs, start: Tensor, width: int, num_steps: int) -> tuple[Tensor, Tensor]:
    """Return the likeliest texts that a beam search finds, the likeliest first.

    Args:
        next_logs: texts (W, T), the start included, -> log-probabilities (W, V), for any W >= 1.
        start: (T,) the prompt.
        width: most texts to keep after each step, at least 1.
        num_steps: tokens to add.

    Returns:
        texts (W, T + num_steps) with their start, and their scores (W,): the sum of the
        log-probabilities of the new tokens.
    """
    # BEGIN SOLUTION
    texts, scores = start[None], torch.zeros(1)
    for _ in range(num_steps):
        total = scores[:, None] + next_logs(texts)  # (W, V)
        scores, best = total.flatten().topk(min(width, total.numel()))
        beam, new = best // total.shape[1], best % total.shape[1]
        texts = torch.cat([texts[beam], new[:, None]], dim=1)
    return texts, scores
    # END SOLUTION


# %% tags=["check"]
checks.run("09.3", search)

# %% [markdown]
# The package's `beam_search` does this for several prompts at once, with stop tokens and a cache. **Guess first:** the true stories have log-probabilities around -17 (forty words of 0.42 nats). What has the story of a beam search, and is it like
# the true ones?
#
# *The figure: log-probabilities under the model of the 500 true stories, and of what greedy and beams of growing width find.*

# %% tags=["measure"]
# @title Log-probabilities of true stories and of beams
from course_utils.language import beam_search

following = told.cpu()[:, 1:][inside[:, :-1]]  # (N,) the word that the true story has there
logs = said.log_softmax(-1).gather(1, following[:, None])[:, 0]
lengths = inside.sum(1).tolist()
real = torch.stack([part.sum() for part in logs.split(lengths)])  # (500,)
beams = {
    width: last(beam_search(writer, start, width=width, max_new_tokens=60, stop=END))
    for width in (1, 2, 4, 8, 16, 32)
}
best = {width: float(step.prediction[0, 0]) for width, step in beams.items()}
figure, (ax,) = plots.panels(
    title="Every search ends at a story likelier than nearly all true ones",
    size=(8.0, 2.6),
    alt="A histogram of the true stories around -17 nats, from about -23 to -14. Short vertical lines "
    "for widths 1 to 32 stand at its right edge or beyond, between -14.3 and -12.8.",
)
ax.hist(real.numpy(), bins=30, color=plots.CONTROL)
for place, (width, log) in enumerate(best.items()):
    ax.axvline(log, ymax=0.5, color=plots.NOISY)
    ax.annotate(
        f"{width}", (log, 0.53 + 0.075 * place), xycoords=("data", "axes fraction"), ha="center"
    )
ax.set(xlabel="log-probability of the story, nats", ylabel="true stories")
figure

# %% tags=["measure"]
# @title Likelier, and how typical?
typical = measure.Scatter.of(real)
print(
    f"true stories: mean {typical.mean:.1f}, standard deviation {typical.std:.1f}, likeliest {typical.high:.1f}"
)
print(
    "width and log-probability: " + ", ".join(f"{width}: {log:.1f}" for width, log in best.items())
)
above = {width: (log - typical.mean) / typical.std for width, log in best.items()}
claims.check("greedy's story: standard deviations above the true mean", above[1], ">", 2.5)
claims.check("the least likely find of all widths: the same", min(above.values()), ">", 1.5)
claims.check("a beam of 4 finds less than greedy (by, nats)", best[1] - best[4], ">", 0.3)
for width in (1, 4, 8):
    print(f"\n{width}: {words.decode(beams[width].state[0, 0].tolist()).strip()}")
winner, ranks = beams[1].state[0, 0].tolist(), []
for step in beam_search(writer, start, width=4, max_new_tokens=60, stop=END):
    texts = step.state[0].tolist()
    if winner[: step.calls + 1] not in texts:
        break
    ranks.append(texts.index(winner[: step.calls + 1]) + 1)
print(f"\ngreedy's text in the beam of 4, rank after each word: {ranks}, then out")

# %% [markdown]
# Two surprises. **The likeliest text found is not a typical one.** Take a coin that shows heads six times in ten: the likeliest row of a hundred throws is all heads, and nobody has seen it. Each true story makes some unlikely choices. A story without any is
# likelier than each of them, yet hardly any story is like it. And **a wider beam may find less**: after a few words greedy's text was not among the best four, and the beam forgot it.
# (For none of twelve other beginnings does a beam of 8: [the log](../docs/experiments.md).)
#
# The three searches tell nearly the same story. A narrow beam serves where few answers are good, as in translation; even there the very likeliest text may be empty (Stahlberg & Byrne 2019).

# %% [markdown]
# ---
# **Half-way.** *Choosing*: heat adds variety and errors; a filter removes errors until the allowed words are used up; the likeliest text is not a typical one.
# *Speed*, from here on: how the same text comes in fewer operations and fewer calls. A good place for a break.

# %% [markdown]
# ## Read each word once
#
# *What does a word cost?* The loop of lesson 06 shows the model the whole text for each new word. For 120 words it reads 1, 2, 3, ... 120 of them, 7,260 in all. But attention is causal: what has been computed for earlier words does not change. A new
# word needs its own query, and the keys and values of all words before. So keep those. This is the **key-value cache**, here for one layer of lesson 07 (with rotary positions, a word read alone is turned by its own place in the text):


# %%
from course_utils.layers import Attention, attention


class Remembering:
    """A layer of attention that reads each position once."""

    def __init__(self, layer: Attention):
        self.layer, self.keys, self.values = layer, None, None

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs (B, S, D) for new positions x (B, S, D), which see all that were read before."""
        q, k, v = self.layer.split(x)  # (B, H, S, K)
        if self.keys is not None:
            k, v = torch.cat([self.keys, k], dim=2), torch.cat([self.values, v], dim=2)
        self.keys, self.values = k, v
        # The S queries are the last of T positions: query i sees keys up to T - S + i. For S = 2, T = 4
        # the mask is 1 1 1 0 / 1 1 1 1.
        mixed = attention(q, k, v, causal=True)
        return self.layer.project(mixed.transpose(1, 2).flatten(2))


# %% tags=["measure"]
# @title One position after the other, and all at once
torch.manual_seed(course.seed)
layer, x = Attention(32, num_heads=4, causal=True), torch.randn(2, 50, 32)
with torch.no_grad():
    whole = layer(x)
    ours = Remembering(layer)
    by_page = torch.cat([ours(x[:, i : i + 1]) for i in range(50)], dim=1)
    forgetful = torch.cat([Remembering(layer)(x[:, i : i + 1]) for i in range(50)], dim=1)
claims.check(
    "read one at a time with a cache, the outputs are the same",
    (by_page - whole).abs().max(),
    "<",
    1e-5,
)
claims.check("control: with nothing kept they are not", (forgetful - whole).abs().max(), ">", 0.01)

# %% [markdown]
# `sample` keeps such a cache for every layer of a GPT. **Guess first:** for 120 words, how many times fewer operations is that? And how many times faster?


# %% tags=["measure"]
# @title Operations and time with and without the cache
def greedy(length: int, use_cache: bool, batch: int = 1) -> Tensor:
    """Stories without end, greedy."""
    options = dict(max_new_tokens=length, temperature=0, use_cache=use_cache)
    return last(sample(writer, start.expand(batch, 1), **options)).state


def seconds(function, *arguments, repeats: int = 3) -> float:
    """The shortest of a few runs, after one that warms up."""
    runs = []
    for _ in range(repeats + 1):
        begun_at = time.perf_counter()
        function(*arguments)
        runs.append(time.perf_counter() - begun_at)
    return min(runs[1:])


saved = {}
for length in (60, 120):
    without, with_cache = (measure.forward_flops(greedy, length, use) for use in (False, True))
    saved[length] = without / with_cache
    print(
        f"{length:3} words: {without / 1e6:5,.0f} against {with_cache / 1e6:3,.0f} million operations, {saved[length]:.0f} times fewer"
    )
for batch in (1, 16):
    ratio = seconds(greedy, 120, False, batch, repeats=1) / seconds(
        greedy, 120, True, batch, repeats=1
    )
    print(f"120 words, {batch:2} texts at once: {ratio:.1f} times faster")
claims.check(
    "the cache changes no word", torch.equal(greedy(120, True), greedy(120, False)), "==", True
)
claims.check("120 words: operations saved by the cache (times)", saved[120], ">", 50)
numbers = 2 * writer.config.num_layers * writer.config.width
print(f"the price: keys and values of each word, {numbers} numbers, {4 * numbers / 1024:.0f} KiB")

# %% [markdown]
# For a text of n words the operations are about (n + 1) / 2 times fewer, as counting says. The time falls less: for a single short text most of it is not arithmetic, but getting each operation started. The price is memory, for each word of each text in a batch.

# %% [markdown]
# ## What a call costs
#
# *If most of the time is not arithmetic, what else could be done in it?* More arithmetic. We give a call more positions to read, and look at the clock.
#
# Our model is so small that getting started is nearly all. A large model on a card waits for its weights, which each call fetches, for one word as for many (Shazeer 2019). To see a costly call here, we make
# a **stand-in** that says the same with 30 times the weights: each layer gets thousands of useless hidden units, whose outgoing weights are zero.
#
# *The figure: the time of one call, in units of a call with one position. Your machine's numbers differ.*


# %% tags=["measure"]
# @title A large stand-in that says the same
def widened(model: nn.Module, hidden: int) -> nn.Module:
    """The same function with more hidden units, whose outgoing weights are zero."""
    large = copy.deepcopy(model)
    for block in large.blocks:
        enter, _, leave = block.mlp
        up = nn.Linear(enter.in_features, hidden, bias=False, device=course.device)
        down = nn.Linear(hidden, leave.out_features, bias=False, device=course.device)
        with torch.no_grad():
            nn.init.zeros_(down.weight)
            up.weight[: enter.out_features] = enter.weight
            down.weight[:, : enter.out_features] = leave.weight
        block.mlp[0], block.mlp[2] = up, down
    return large.requires_grad_(False)


large = widened(writer, 24_576)
with torch.no_grad():
    apart = (large(told[:20]) - writer(told[:20])).abs().max()
claims.check("the stand-in says the same (largest difference of a logit)", apart, "<", 1e-3)
weights = [sum(p.numel() for p in model.parameters()) / 1e6 for model in (writer, large)]
print(f"weights: {weights[0]:.1f} and {weights[1]:.1f} million")

# %% tags=["measure"]
# @title The time of a call for more and more positions
positions = [1, 2, 5, 9, 17, 32]
with torch.inference_mode():
    clocks = {
        name: [seconds(model, told[:1, :count], repeats=16) for count in positions]
        for name, model in {"our model": writer, "stand-in": large}.items()
    }
figure = plots.curves(
    {name: (positions, [clock / times[0] for clock in times]) for name, times in clocks.items()}
    | {"reference: as many calls": (positions, positions)},
    styles=dict.fromkeys(clocks, marks),
    logx=True,
    logy=True,
    xlabel="positions read in one call",
    ylabel="time, in calls of one",
    title="A call with many positions costs less than as many calls, but not nothing",
    alt="Two lines rise from 1 and stay below the dashed line of as many calls, that of our model far below.",
)
figure.axes[0].set_xticks(positions, positions)
figure.axes[0].minorticks_off()
figure

# %% [markdown]
# There is room in a call; in the stand-in less, for its arithmetic fills the cores from a few positions on. Two things can use the room. **Batches**: the next word of many texts at once. That serves many readers, and makes no single text faster.
# Prompts of unequal length are padded on the left, and a `mask` says which tokens are padding, so that nobody looks at them.

# %% tags=["measure"]
# @title Prompts of unequal length in one batch
cuts = torch.randint(
    1, 35, (sizes.num_prompts,), generator=torch.Generator().manual_seed(course.seed)
)
widest = int(cuts.max())
pad = int(words.encode("Mia")[0])  # a real word: it would be read if it could
prompts = torch.full((sizes.num_prompts, widest), pad, device=course.device)
mask = torch.zeros_like(prompts, dtype=torch.bool)
for i, cut in enumerate(cuts.tolist()):
    prompts[i, widest - cut :], mask[i, widest - cut :] = told[i, :cut], True


def continued(model: nn.Module, rows=slice(None), **options) -> Tensor:
    """Forty more words, greedy, for some of the prompts."""
    steps = sample(
        model, prompts[rows], mask=mask[rows], max_new_tokens=40, temperature=0, **options
    )
    return last(steps).state[:, widest:].cpu()


def one_by_one(model: nn.Module) -> Tensor:
    """The same for the first sixteen, each by itself."""
    return torch.cat([continued(model, slice(i, i + 1)) for i in range(16)])


together, alone = continued(writer), one_by_one(writer)
agree = (together[:16] == alone).all(1).float().mean()
claims.check("padded in a batch, texts go on as they do alone (share)", agree, ">", 0.9)
no_mask = last(sample(writer, prompts[:16], max_new_tokens=40, temperature=0)).state[:, widest:]
agree = (no_mask.cpu() == alone).all(1).float().mean()
claims.check("control: without the mask (share)", agree, "<", 0.8)
for batch in (1, 16, 64):
    speed = batch * 40 / seconds(greedy, 40, True, batch, repeats=1)
    print(f"{batch:2} texts at once: {speed:,.0f} words a second")

# %% [markdown]
# ## Guess ahead
#
# *Can one text use the room?* Its next four words are unknown; that is the problem. But they can be **guessed**, by a small model, the **draft**. The large model, the **target**, then reads all guesses in a single call, and says its own
# probabilities at each. This is **speculative decoding**.
#
# The text must be the target's, as if the draft did not exist. Let $q$ be the draft's probabilities, from which the guess was drawn, and $p$ the target's. The rule of Leviathan et al. 2023 for each guess:
#
# 1. Accept it with probability $\min(1, p/q)$.
# 2. If it is refused, draw from what the draft gives too little of: $\max(0, p - q)$, scaled to sum one. All later guesses are void.
# 3. If all $N$ are accepted, one more word is free: the call has also said $p$ after the last of them. So a call gives 1 to $N + 1$ words.
#
# Here are steps 1 and 2 for many guesses of one word. Without a division, $\text{coin} < p/q$ is $\text{coin} \cdot q < p$:


# %%
def accept(target: Tensor, draft: Tensor, guesses: Tensor, generator) -> tuple[Tensor, Tensor]:
    """Tokens (N,) after guesses (N,), and which were accepted; probabilities (V,)."""
    coins = torch.rand(len(guesses), generator=generator)
    accepted = coins * draft[guesses] < target[guesses]
    left = (target - draft).clamp(min=0)
    left = left if left.sum() > 0 else target  # equal: nothing is ever refused
    instead = torch.multinomial(left, len(guesses), replacement=True, generator=generator)
    return torch.where(accepted, guesses, instead), accepted


p, q = torch.tensor([0.6, 0.3, 0.1]), torch.tensor([0.2, 0.3, 0.5])  # target and draft

# %% [markdown]
# The draft gives the third of three words five times what it should have. **Guess first:** what share of its guesses is accepted? And could a refused guess not simply be drawn anew from $p$?

# %% tags=["measure"]
# @title Twenty thousand guesses of one word
generator = torch.Generator().manual_seed(course.seed)
guesses = torch.multinomial(q, 20_000, replacement=True, generator=generator)
tokens, accepted = accept(p, q, guesses, generator)
fresh = torch.multinomial(p, 20_000, replacement=True, generator=generator)
again = torch.where(accepted, guesses, fresh)
outcomes = {
    "drawn from the target": fresh,
    "the rule": tokens,
    "control: the guesses": guesses,
    "control: refused ones drawn anew": again,
}


def far(tokens: Tensor) -> float:
    """Share of the tokens that would have to change to have the target's frequencies."""
    return float((tokens.bincount(minlength=3) / len(tokens) - p).abs().sum() / 2)


for name, drawn in outcomes.items():
    shares = "  ".join(f"{share:.3f}" for share in drawn.bincount() / len(drawn))
    print(f"{name:32} {shares}   off by {far(drawn):.3f}")
print(f"{'target':32} {'  '.join(f'{share:.3f}' for share in p)}")
overlap = float(torch.minimum(p, q).sum())
claims.check("by the rule, words have the target's frequencies (off by)", far(tokens), "<", 0.02)
claims.check("control: refused ones drawn anew have not", far(again), ">", 0.1)
print(f"accepted {float(accepted.float().mean()):.3f}, overlap {overlap:.3f}")
gap = float(accepted.float().mean()) - overlap
claims.check("accepted share, less the overlap", gap, "within", (-0.02, 0.02))

# %% [markdown]
# The outcome is the target's, exactly. Why: each word is kept with probability $q \min(1, p/q) = \min(p, q)$. What it still lacks is $p - \min(p, q)$, and that is what step 2 draws from. The share accepted is $\sum \min(p, q)$, the **overlap**. A refusal comes with probability $1 - \sum \min(p, q) = \sum \max(0, p - q)$, just what step 2's scaling divides by. A bad draft costs time. It cannot
# change the text's distribution. One call of the target, all three steps:


# %%
@torch.no_grad()
def ahead(target, draft, text: Tensor, num_guesses: int, generator) -> Tensor:
    """The text (1, T) with 1 to num_guesses + 1 words more, by one call of the target."""
    guessed, q = text, []
    for _ in range(num_guesses):
        q.append(draft(guessed)[0, -1].softmax(-1).cpu())
        guess = torch.multinomial(q[-1], 1, generator=generator)
        guessed = torch.cat([guessed, guess[None].to(text.device)], dim=1)
    p = target(guessed)[0, -num_guesses - 1 :].softmax(-1).cpu()  # (N + 1, V), one call
    for i in range(num_guesses):
        guess = guessed[0, -num_guesses + i, None].cpu()
        token, accepted = accept(p[i], q[i], guess, generator)
        text = torch.cat([text, token[None].to(text.device)], dim=1)
        if not accepted:
            return text
    free = torch.multinomial(p[-1], 1, generator=generator)
    return torch.cat([text, free[None].to(text.device)], dim=1)


# %% [markdown]
# The package's `speculate` does this with filters, stop tokens and caches; its tests compare whole distributions. Greedy is the sharpest check here: the guesses must change no word.

# %% tags=["measure"]
# @title Drafts of five kinds, and what is counted
from course_utils.language import NGram, speculate

library = words.encode("".join(grammar.sample(5000, seed=course.seed)))
small = recipes.load("stories_draft", course.device)
drafts = {
    f"{n}-gram": NGram(n, words.vocab_size, strength=2.0).fit(library).to(course.device)
    for n in (1, 2, 3, 4)
}
drafts["small GPT"] = small
steps = speculate(writer, small, start, max_new_tokens=120, temperature=0)
claims.check(
    "greedy with guesses is greedy", torch.equal(last(steps).state, greedy(120, True)), "==", True
)


def per_round(
    target: nn.Module, draft: nn.Module, num_guesses: int, num_texts: int = 3
) -> tuple[float, float]:
    """Words for each call of the target, and the share of the guesses judged that it took."""
    generator = torch.Generator().manual_seed(course.seed)
    new = calls = taken = judged = 0
    for _ in range(num_texts):
        options = dict(num_guesses=num_guesses, max_new_tokens=110, generator=generator)
        for step in speculate(target, draft, start, **options):
            calls += 1
            taken += step.prediction.num_accepted
            judged += min(step.prediction.num_accepted + 1, len(step.prediction.tokens))
        new += 110
    return new / calls, taken / judged


# %% tags=["measure"]
# @title Four guesses a call
with torch.no_grad():
    target_probs = writer(told).softmax(-1)
per_call, shares, overlaps = {}, {}, {}
for name, draft in drafts.items():
    per_call[name], shares[name] = per_round(writer, draft, 4)
    with torch.no_grad():
        both = torch.minimum(target_probs, draft(told).softmax(-1)).sum(-1)
    overlaps[name] = float(both[inside.to(both.device)].mean())
    print(f"{name:9} accepted {shares[name]:4.0%}, overlap on true stories {overlaps[name]:4.0%}")
plots.bars(
    per_call,
    form="{:.2f}",
    xlabel="words for each call of the target, at most 5",
    references={"without guesses": 1.0},
    title="The better the draft agrees, the fewer calls of the target",
    alt="Five bars, rising from just above one word a call for the unigram to nearly five for the small GPT.",
)

# %% tags=["measure"]
# @title Words a call
generator, text, rounds = torch.Generator().manual_seed(course.seed), start, 0
while text.shape[1] < 100:
    text, rounds = ahead(writer, small, text, 4, generator), rounds + 1
claims.check(
    "the page's round, small GPT: words for each call", (text.shape[1] - 1) / rounds, ">", 4
)
apart = max(abs(shares[name] - overlaps[name]) for name in drafts)
claims.check("accepted share and overlap: largest difference of five drafts", apart, "<", 0.08)
claims.check("the small GPT: words for each call", per_call["small GPT"], ">", 4)
claims.check("a unigram: words for each call", per_call["1-gram"], "<", 1.5)

# %% [markdown]
# ### When does it lose?
#
# Fewer calls of the target are bought with calls of the draft. The $n$-th guess counts only if all before it were accepted. If each is with probability $a$, independently, that is $a^n$, and with the free word a call with $N$ guesses gives on average
#
# $$1 + a + a^2 + \dots + a^N = \frac{1 - a^{N+1}}{1 - a}$$
#
# words. For them we pay one call of the target that reads $N+1$ positions, $r$ times the price of one (measured above), and $N$ calls of the draft, each a share $c$ of one. So speculation is
#
# $$\frac{1 + a + \dots + a^N}{r + Nc}$$
#
# times as fast. Below 1 it loses. **Guess first:** the 2-gram has three guesses in four accepted, and is a mere table. Does it win?
#
# *The figure: words a second with speculation, in units of those without it, for the stand-in as target. Dots are measured, dashed lines predicted. Your machine's numbers differ.*


# %% tags=["measure"]
# @title The price of a draft's word, and the formula
def pace(target: nn.Module, draft: nn.Module | None = None, num_guesses: int = 1) -> float:
    """Seconds for 40 words of the target, by itself or with a draft."""
    options = dict(max_new_tokens=40, generator=torch.Generator().manual_seed(course.seed))
    if draft is None:
        return seconds(lambda: last(sample(target, start, **options)), repeats=2)
    options["num_guesses"] = num_guesses
    return seconds(lambda: last(speculate(target, draft, start, **options)), repeats=2)


def words_a_call(a: float, num_guesses: int) -> float:
    """The formula: 1 + a + ... + a^N."""
    return sum(a**n for n in range(num_guesses + 1))


alone_pace, counts = pace(large), [1, 4, 16]
prices = {name: pace(drafts[name]) / alone_pace for name in ("1-gram", "2-gram", "small GPT")}
r = {
    at: clock / clocks["stand-in"][0]
    for at, clock in zip(positions, clocks["stand-in"], strict=True)
}
# %% tags=["measure"]
# @title Speed against the number of guesses
gains, predicted = {}, {}
for name, c in prices.items():
    a = shares[name]
    said_by_formula = [words_a_call(a, n) / (r[n + 1] + n * c) for n in counts]
    gains[name] = counts, [alone_pace / pace(large, drafts[name], n) for n in counts]
    predicted[f"predicted, {name}"] = counts, said_by_formula
    pairs = zip(counts, gains[name][1], said_by_formula, strict=True)
    print(
        f"{name:9} c = {c:.3f}   "
        + "   ".join(f"N = {n}: {got:.2f}, predicted {said:.2f}" for n, got, said in pairs)
    )
print("r: " + ", ".join(f"{at} positions {times:.1f}" for at, times in r.items()))
shades = dict(zip(gains, (plots.ORANGE, plots.SKY, plots.PURPLE), strict=True))
figure = plots.curves(
    gains | predicted | {"reference: no gain": (counts, [1.0] * 3)},
    styles={name: {"marker": "o", "color": shade} for name, shade in shades.items()}
    | {f"predicted, {n}": {"color": shade, "linestyle": "--"} for n, shade in shades.items()},
    logx=True,
    xlabel="guesses for each call of the target",
    ylabel="times as fast",
    title="Speed is words a call over the price of a call",
    alt="Three measured lines over the number of guesses, each beside its dashed prediction. That of "
    "the small GPT is the highest; that of the unigram is the lowest and falls.",
)
figure.axes[0].set_xticks(counts, counts)
figure.axes[0].minorticks_off()
figure

# %% tags=["measure"]
# @title The formula for words a call, beside the count
formula = max(abs(words_a_call(shares[n], 4) / per_call[n] - 1) for n in drafts)
claims.check("words a call, formula and count, five drafts: largest gap", formula, "<", 0.12)

# %% [markdown]
# Three words a call from the 2-gram are far from three times the speed: reading the guesses costs $r$, drawing them $Nc$. (The formula leaves out what a round costs besides its calls. On a busy machine that is most of it, and all dots fall below their lines.) A long row pays only if nearly all are taken. Where weights are what a call waits for,
# $r$ is near 1 and more drafts pay; where a batch of many readers fills the call, each guess is paid in full.

# %% [markdown]
# ## Is greedy deterministic?
#
# *The same weights, the same prompt, no random number: the same text?* The article says *deterministic*. A sum of floats depends on the order of its terms, in the last digit. The order may depend on the batch, the number of
# threads, the library, the card. Where the two largest logits are nearer than that, the word may **flip**, and everything after it is another text.
#
# We take the padded prompts of the batch, 40 words each, and change one thing at a time. **Guess first:** how many texts change when a batch is written one by one? And in bfloat16, the short float of large models, with three digits?

# %% tags=["measure"]
# @title Texts that differ when one thing changes
half = language.GPT(writer.config).bfloat16().to(course.device).eval()
half.load_state_dict(writer.state_dict())  # rounded as they are copied
half_together, half_alone = continued(half), one_by_one(half)
cores = torch.get_num_threads()
torch.set_num_threads(1 if cores > 1 else 2)
other_threads = continued(writer)
torch.set_num_threads(cores)


def differ(a: Tensor, b: Tensor) -> float:
    """Share of the texts that are not the same."""
    return float((a != b).any(1).float().mean())


flipped = {
    "the same again": (together, continued(writer)),
    "one by one (16 texts)": (together[:16], alone),
    "other number of threads": (together, other_threads),
    "without the cache": (together, continued(writer, use_cache=False)),
    "in bfloat16": (together, half_together),
    "bfloat16, one by one": (half_together[:16], half_alone),
}
print(f"{'changed':26} texts that differ, from")
for name, (before, after) in flipped.items():
    reference = "the batch, bfloat16" if name.startswith("bfloat16") else "the batch, float32"
    print(f"{name:26} {differ(before, after):4.0%}               {reference}")
claims.check("the same again: texts that differ", differ(*flipped["the same again"]), "<", 0.05)

# %% [markdown]
# The order of sums moved no word here, in either precision: not the batch, not the threads. Another precision did, in many texts. **Guess first:** is there anything wrong with the new words? The grammar knows how likely each of the two words truly is.

# %% tags=["measure"]
# @title What the two words are between which bfloat16 flips


def chances(row: int, place: int) -> dict[str, float]:
    """The grammar's probabilities after the text of a row, up to one of its new words."""
    text = [*prompts[row][mask[row]].tolist(), *together[row, :place].tolist()]
    begun_at = len(text) - text[::-1].index(END)
    return grammar.next_token_probs([words.tokens[token] for token in text[begun_at:]])


def tied(a: float, b: float) -> bool:
    """Whether both words are allowed, and equally likely."""
    return a > 0 and math.isclose(a, b)


rows = (together != half_together).any(1).nonzero()[:, 0].tolist()
ties = []
for row in rows:
    place = int((together[row] != half_together[row]).int().argmax())
    pair = [words.tokens[int(text[row, place])] for text in (together, half_together)]
    likely = chances(row, place)
    ties.append(tied(*(likely.get(word, 0.0) for word in pair)))
    if len(ties) <= 5:
        print(f"{pair[0]} or {pair[1]}: {likely.get(pair[0], 0):.3f}, {likely.get(pair[1], 0):.3f}")
two = [sorted(chances(row, place).values())[-2:] for row in range(8) for place in range(40)]
print(f"first flips: {len(ties)}, between equally likely words: {sum(ties)}")
print(
    f"of all decisions that many are ties: {sum(len(t) == 2 and tied(*t) for t in two) / 320:.0%}"
)
wrong = 1 - sum(ties) / max(len(ties), 1)
claims.check("flips between words that are not equally likely (share)", wrong, "<", 0.1)

# %% [markdown]
# A flip is no error. It falls where the language itself makes a tie, such as six heroes of one sixth each, and the model's two largest logits differ by less than the rounding. How many texts differ is an accident of the training: others of this recipe gave between 6 and 88 in a hundred.
# *Deterministic* is true of the rule; of the text, as far as the gaps are wider than the rounding. On a card the batch too can move a word: He et al. 2025 show it for large models, and what it takes to prevent it.

# %% [markdown]
# ## What was measured
#
# **Verdict.** *One token at a time*: one after the other, yes; one for each call of the model, no: a draft that agrees gives several, with the same distribution. *Deterministic or probabilistic*: greedy is the cold end of the temperature. Its text is likely, valid, always
# the same, and deterministic up to rounding. (One trained model everywhere; other trainings are in [the log](../docs/experiments.md).)

# %% tags=["measure"]
# @title All claims of this lesson
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# | | diffusion (lessons 03, 04) | language |
# |---|---|---|
# | deterministic | DDIM: the start decides | greedy: the prompt decides |
# | randomness | fresh noise in each step | a draw for each token |
# | one knob for surer, less varied | guidance scale | temperature, filters |
# | fewer calls | better solvers, distillation | guesses by a draft |
# | is the distribution kept? | nearly | exactly |
#
# ## Papers
#
# - Fan et al. 2018, *Hierarchical neural story generation*, arXiv:1805.04833: top-k.
# - Holtzman et al. 2020, *The curious case of neural text degeneration*, arXiv:1904.09751: top-p; the likeliest text is not the best.
# - Nguyen et al. 2024, *Turning up the heat: min-p sampling*, arXiv:2407.01082, and Schaeffer et al. 2025, *Turning down the heat*, arXiv:2506.13681, a critical reading of it.
# - Meister et al. 2022, *Locally typical sampling*, arXiv:2202.00666.
# - Stahlberg & Byrne 2019, *On NMT search errors and model errors*, arXiv:1908.10090: what exhaustive search finds.
# - Shazeer 2019, *Fast transformer decoding*, arXiv:1911.02150: what a cached step waits for.
# - Leviathan et al. 2023, *Fast inference from transformers via speculative decoding*, arXiv:2211.17192; Chen et al. 2023, arXiv:2302.01318.
# - He et al. 2025, *Defeating nondeterminism in LLM inference*, thinkingmachines.ai/blog.
