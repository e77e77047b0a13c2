# %% [markdown]
# # 09 · Decoding
#
# **A language model says how likely each next word is. How do its probabilities become a text, and what does each way cost?**
#
# After this lesson you can
#
# - write the four knobs of every chat program, and say what each does to a distribution;
# - compare two ways of choosing fairly, at equal randomness;
# - write a key-value cache and the rule of speculative decoding, and say when they pay.
#
# *35 minutes to read, 50 minutes for the exercises, about 80 seconds to run on two cores. Needs lessons 06 and 07. The quoted claims are from [the article](../docs/article.md).
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
from course_utils.recipes.stories import tokenizer

writer = recipes.load("stories", course.device)
grammar, words = data.stories(), tokenizer()
END = int(words.encode("\n")[0])
start = torch.tensor([[END]], device=course.device)  # (1, 1)

# %% [markdown]
# The probabilities after each word can be used in two ways. **Greedy** takes the likeliest word. **Sampling** draws one, each as often as its probability says. Every step is handed out as it is
# made, so the words can be printed as they come. **Guess first:** which of the two texts will be the same when you run the cell again with another seed?

# %%
for name, temperature in {"greedy": 0, "drawn": 1}.items():
    print(f"{name}:", end="")
    generator = torch.Generator().manual_seed(course.seed)
    options = dict(temperature=temperature, stop=END, generator=generator)
    for step in sample(writer, start, max_new_tokens=60, **options):
        print("", words.tokens[int(step.state[0, -1])], end="")
    print(f" ({step.calls} calls)")

# %% [markdown]
# Greedy uses no random number, so it always writes this story. `stop=END` ends a text at its line break; a text that never gets there ends after `max_new_tokens` words.
#
# *One token at a time* is literally so: each word took a call of the model. The second half of the lesson is about what can be done about that.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 09.1 - Draw a token (8 min, easy)
#
# How does one random number choose among a hundred words? Lay the probabilities of a row one after the other along the line from 0 to 1. Each token owns a piece as long as its probability. A
# **coin**, a number from 0 up to below 1, falls into one of the pieces. A coin on the border of two pieces belongs to the right one.
#
# <details><summary>Hint</summary>
#
# Where does the piece of token $i$ end? `cumsum`. The token is the number of pieces that end at or before the coin.
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
    return (probs.cumsum(-1) <= coins[:, None]).sum(-1)
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
# - **top-k** keeps the $k$ likeliest words;
# - **top-p** (the *nucleus*) keeps the fewest of the likeliest words that together hold the share $p$;
# - **min-p** keeps the words at least $p$ times as likely as the likeliest.


# %%
def top_k(logits: Tensor, k: int) -> Tensor:
    least = logits.topk(k).values[..., -1:]  # (..., 1) the k-th largest
    return logits.masked_fill(logits < least, -math.inf)


def top_p(logits: Tensor, p: float) -> Tensor:
    ordered, order = logits.sort(descending=True, stable=True)
    probs = ordered.softmax(-1)
    enough = probs.cumsum(-1) - probs >= p  # what comes before already holds p
    removed = torch.empty_like(enough).scatter(-1, order, enough)  # back in the order of the words
    return logits.masked_fill(removed, -math.inf)


def min_p(logits: Tensor, p: float) -> Tensor:
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < p * probs.amax(-1, keepdim=True), -math.inf)


# %% [markdown]
# The package has the same three, and `sample` applies them after the temperature. We compare on all logits that the model gives to 50 true stories.

# %% tags=["measure"]
# @title Page and package keep the same words
from course_utils import language

true_stories = grammar.sample(500, seed=course.seed + 1)  # the model has not read these
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
# @title A slider over temperature and filters
from course_utils.language import next_probs

prefix = (
    "One morning Mia found a golden key by the river. Snow began to fall and two frogs sang in the "
    "garden. In the evening Mia took the key home, and she"
)
with torch.no_grad():
    prompt = torch.cat([start[0].cpu(), words.encode(prefix)])[None].to(course.device)
    logits = writer(prompt)[0, -1].cpu()  # (V,)
first = logits.argsort(descending=True)[:10]
allowed = grammar.next_token_probs(prefix)


def show(temperature: float, filter: str):
    """Probabilities of the next word under one setting."""
    name, value = filter.split()
    options = {"top-k": {"top_k": int}, "top-p": {"top_p": float}, "min-p": {"min_p": float}}
    options = {key: kind(value) for key, kind in options.get(name, {}).items()}
    probs = next_probs(logits, temperature, **options)
    names = [words.tokens[i] for i in first]
    heights = [*probs[first].tolist(), float(1 - probs[first].sum())]
    wrong = 1 - sum(float(probs[words.encode(word)[0]]) for word in allowed)
    figure, (ax,) = plots.panels(
        title=f"temperature {temperature:g}, {filter}: {max(wrong, 0):.1%} on wrong words",
        size=(8.0, 2.8),
        alt="Bars of the ten likeliest next words and one for all others; the four allowed words "
        "are green.",
    )
    colors = [plots.MODEL if name in allowed else plots.NOISY for name in names]
    ax.bar(range(11), heights, color=[*colors, plots.NOISY])
    ax.set_xticks(range(11), [*names, "91 others"], rotation=30, ha="right")
    ax.set(ylim=(0, 0.7), ylabel="probability")
    return figure


settings = ["no filter", "top-k 2", "top-k 4", "top-k 10", "top-p 0.5", "top-p 0.8", "top-p 0.95"]
settings += ["min-p 0.3", "min-p 0.05", "min-p 0.01"]
widgets.slider(show, temperature=[1.0, 0.3, 0.7, 1.5, 2.0, 3.0], filter=settings)

# %% [markdown]
# Two views of the slider:

# %% tags=["measure"]
# @title Hot, without a filter
show(temperature=2.0, filter="no filter")

# %% tags=["measure"]
# @title Hot, with min-p
show(temperature=2.0, filter="min-p 0.05")

# %% [markdown]
# Here top-k is perfect with $k = 4$. But four is the number of *this* place. After *in the*, three words are allowed, after *One morning* six, after *Snow* one. **Guess first:** what does $k = 4$ do at
# all places of the 500 true stories, at temperature 2?
#
# We measure two errors of a filter: how much of what it leaves is on wrong words, and how many of the allowed words it removes.

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
for name, options in {
    "no filter": {},
    "top-k 4": {"top_k": 4},
    "top-p 0.8": {"top_p": 0.8},
    "min-p 0.05": {"min_p": 0.05},
}.items():
    probs = next_probs(said, 2.0, **options)
    wrong = float((probs * ~right).sum(1).mean())
    lost = float(((probs == 0) & right).sum() / right.sum())
    errors[name] = wrong, lost
    print(f"{name:10}  probability on wrong words {wrong:6.2%}   allowed words removed {lost:6.2%}")
claims.check("top-k 4 removes allowed words (share)", errors["top-k 4"][1], ">", 0.05)
claims.check("and it leaves wrong ones (probability)", errors["top-k 4"][0], ">", 0.005)
claims.check("min-p 0.05 removes next to no allowed word", errors["min-p 0.05"][1], "<", 0.01)
claims.check("and leaves next to no wrong one", errors["min-p 0.05"][0], "<", 0.0005)

# %% [markdown]
# A fixed $k$ errs on both sides. Top-p and min-p look at the distribution, and so keep many words where many are likely and one where one is.

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
        logits: (B, V) of any size; -inf for what was removed before.
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
# @title Three groups of stories at seven temperatures
from course_utils import measure


def measured(**settings) -> list[measure.Scatter]:
    """Three times `num_stories`: share valid, share different, nats a word, with their scatter."""
    num = sizes.num_stories
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
# At temperature 1 the entropy is that of the language: the model is as varied as its data. Each wrong word is rare there, but a story has a chance for one at each of its forty words. A cold writer is safe and says less.
# A hot one is lost.

# %% [markdown]
# ## Which filter is best?
#
# *Let us have it hot and valid.* At temperature 2, with a filter:

# %% tags=["measure"]
# @title Stories at temperature 2 with each filter
at_two = {"no filter": hot}
at_two |= {
    "top-k 4": measured(temperature=2.0, top_k=4),
    "top-p 0.8": measured(temperature=2.0, top_p=0.8),
    "min-p 0.05": measured(temperature=2.0, min_p=0.05),
}
plots.bars(
    {name: found[0].mean for name, found in at_two.items()},
    control="no filter",
    form="{:.0%}",
    xlabel="valid stories at temperature 2",
    title="With a filter that adapts, even temperature 2 is safe",
    alt="Four bars. Without a filter a few percent are valid, with top-k 4 about seven in ten, with top-p "
    "0.8 and min-p 0.05 all.",
)

# %% [markdown]
# A triumph? The comparison is not fair. A filter that keeps one word is safe as well: it is greedy. The filtered stories may be valid because they are *less random*. So the control must be matched: **equal
# entropy**, measured on the texts themselves. We turn the knob of each filter at temperature 2, that of top-k at 1.5 too, and the temperature alone as their rival.
#
# **Guess first:** at equal entropy, how far above plain temperature is min-p?
#
# *The figure: each dot is one setting, the mean of its three groups. Compare the lines at the same entropy.*

# %% tags=["measure"]
# @title Valid stories against entropy, for each knob over its range
knobs = {
    "temperature alone": [dict(temperature=heat) for heat in (1.0, 1.1, 1.25, 1.4)],
    "top-k": [dict(temperature=2.0, top_k=k) for k in (3, 4, 5, 6)],
    "top-k at 1.5": [dict(temperature=1.5, top_k=k) for k in (4, 6, 8, 12)],
    "top-p": [dict(temperature=2.0, top_p=p) for p in (0.8, 0.84, 0.87, 0.89)],
    "min-p": [dict(temperature=2.0, min_p=p) for p in (0.05, 0.02, 0.014, 0.01)],
}
swept = {name: [measured(**settings) for settings in some] for name, some in knobs.items()}
plots.curves(
    {
        name: ([f[2].mean for f in found], [f[0].mean for f in found])
        for name, found in swept.items()
    },
    styles={
        name: {"marker": "o", "color": color}
        for name, color in zip(
            swept,
            (plots.REFERENCE, plots.ORANGE, plots.NOISY, plots.SKY, plots.PURPLE),
            strict=True,
        )
    },
    xlabel="entropy, nats a word",
    ylabel="valid stories",
    title="At equal entropy the lines come together, but for top-k at temperature 2",
    alt="Five falling lines. Those of temperature alone, top-p, min-p, and top-k at 1.5 lie close together "
    "and fall from nearly all valid at 0.42 nats. That of top-k at temperature 2 lies far below them.",
)

# %% [markdown]
# We read each line at 0.45 nats a word, group by group, between its two nearest dots. Beside it stands 0.435, nearer to the entropy of the language.

# %% tags=["measure"]
# @title Valid stories at an entropy of 0.45 nats a word
import numpy as np


def at_entropy(found: list[list[measure.Scatter]], nats: float) -> measure.Scatter:
    """Valid stories of each group, interpolated between settings to one entropy."""
    return measure.Scatter.of(
        np.interp(nats, [f[2].values[group] for f in found], [f[0].values[group] for f in found])
        for group in range(3)
    )


matched = {name: at_entropy(found, 0.45) for name, found in swept.items()}
for name, found in swept.items():
    print(f"{name:18} {matched[name]}, at 0.435 nats {at_entropy(found, 0.435)}")
plain = matched["temperature alone"].mean
for name in ("top-p", "min-p", "top-k at 1.5"):
    text = f"equal entropy: {name} above temperature alone (valid stories)"
    claims.check(text, matched[name].mean - plain, "within", (-0.1, 0.1))
claims.check("top-k at temperature 2: how far behind", plain - matched["top-k"].mean, ">", 0.07)

# %% [markdown]
# At equal temperature min-p wins by everything; at equal entropy it is level with a lower temperature, or a few stories in a hundred ahead where the entropy is nearly that of the language. So is top-p. Top-k is not, where the temperature is too high for it. (Schaeffer et al. 2025 re-read the evidence on large models, and did not find min-p
# ahead either.) That does not make filters useless: with one that adapts the temperature can hardly do harm, so the knob is safe to turn.
#
# Nor are they free. Below the entropy of the language, what a filter removes can never be said. Here is the share of the 500 true stories that a sampler could still write:


# %% tags=["measure"]
# @title True stories that can still be written
def possible(**settings) -> float:
    """Share of the true stories of which no word is removed."""
    kept = torch.zeros(told.shape, dtype=torch.bool)
    kept[inside] = (
        next_probs(said, **settings).gather(1, told.cpu()[:, 1:][inside[:, :-1]][:, None])[:, 0] > 0
    )
    return float((kept | ~inside).all(1).float().mean())


for name, options in {
    "temperature 0.3": dict(temperature=0.3),
    "top-p 0.7": dict(top_p=0.7),
    "top-k 4": dict(top_k=4),
    "min-p 0.05": dict(min_p=0.05),
}.items():
    print(f"{name:16} {possible(**options):.0%}")
claims.check("top-p 0.7 leaves few of the true stories possible", possible(top_p=0.7), "<", 0.1)
claims.check("control: temperature 0.3 leaves them all", possible(temperature=0.3), "==", 1)

# %% [markdown]
# ## The likeliest text
#
# *Should we not look for the likeliest text?* Greedy need not find it: a likely word now may lead to unlikely words later. **Beam search** keeps several texts at once, the *beams*:
#
# 1. Begin with one beam, the prompt.
# 2. Continue every beam by every word. The log-probability of a text is the sum over its words.
# 3. Keep the `width` likeliest of all these texts, and go back to 2.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 09.3 - Beam search (25 min, hard)
#
# Write it. The model is a function that takes texts (W, T) and gives the log-probabilities (W, V) of their next token. There are fewer texts than `width` at first; keep them all then.
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
# The package's `beam_search` does this for several prompts at once, with stop tokens and a cache. **Guess first:** the true stories have log-probabilities around -17. What has the story of a beam search, and is it like
# the true ones?
#
# *The figure: log-probabilities of the 500 true stories, and of what greedy and beams of growing width find.*

# %% tags=["measure"]
# @title Log-probabilities of true stories and of beams
from course_utils.language import beam_search
from course_utils.records import last

logs = said.log_softmax(-1).gather(1, told.cpu()[:, 1:][inside[:, :-1]][:, None])[:, 0]
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

# %% [markdown]
# Two surprises. **The likeliest text is not a typical one.** Take a coin that shows heads six times in ten: the likeliest row of a hundred throws is all heads, and nobody has seen it. Each true story makes some unlikely choices; a story without any is
# rarer than all of them together. And **a wider beam may find less**: the beams that look best half-way crowd out the one that would win.
#
# What is lost shows over many prompts: six heroes, and two ways to begin. We ask greedy, a beam and the sampler for one story each, and count the different treasures.

# %% tags=["measure"]
# @title Treasures in twelve stories
heroes = ("Mia", "Ada", "Nora", "Tom", "Leo", "Finn")
begun = [
    [END, *words.encode(f"{when} {hero}").tolist()]
    for hero in heroes
    for when in ("One morning", "Long ago")
]
begun = torch.tensor(begun, device=course.device)  # (12, 4)
treasures = set(words.encode("key kite drum bell map lantern shell compass").tolist())


def found_in(texts: Tensor) -> int:
    """Number of different treasures in texts (N, T)."""
    return len(treasures & set(texts.flatten().tolist()))


drawn = [
    found_in(
        last(
            sample(
                writer,
                begun,
                max_new_tokens=60,
                stop=END,
                generator=torch.Generator().manual_seed(seed),
            )
        ).state
    )
    for seed in (0, 1, 2)
]
searched = {
    width: found_in(
        last(beam_search(writer, begun, width=width, max_new_tokens=60, stop=END)).state[:, 0]
    )
    for width in (1, 8)
}
print(f"of 8 treasures: greedy {searched[1]}, beam of 8 {searched[8]}, drawn {drawn}")
claims.check("different treasures in 12 stories: drawn (least of three seeds)", min(drawn), ">", 4)
claims.check("searched with a beam of 8", searched[8], "<", 5)

# %% [markdown]
# Search is right where one answer is right, as in translation. For a story it gives the same one again and again.

# %% [markdown]
# ## Read each word once
#
# *What does a word cost?* The loop of lesson 06 shows the model the whole text for each new word. For 120 words it reads 1, 2, 3, ... 120 of them, 7,260 in all. But attention is causal: what has been computed for earlier words does not change. A new
# word needs its own query, and the keys and values of all words before. So keep those. This is the **key-value cache**, here for one layer of lesson 07:


# %%
from course_utils.layers import Attention, KeyValues, attention


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
        mixed = attention(q, k, v, causal=True)  # S queries, all keys
        return self.layer.project(mixed.transpose(1, 2).flatten(2))


# %% tags=["measure"]
# @title One position after the other, and all at once
torch.manual_seed(course.seed)
layer, x = Attention(32, num_heads=4, causal=True), torch.randn(2, 50, 32)
with torch.no_grad():
    whole = layer(x)
    ours, kept = Remembering(layer), KeyValues(50)
    by_page = torch.cat([ours(x[:, i : i + 1]) for i in range(50)], dim=1)
    by_package = torch.cat([layer(x[:, i : i + 1], None, kept) for i in range(50)], dim=1)
    forgetful = torch.cat([Remembering(layer)(x[:, i : i + 1]) for i in range(50)], dim=1)
claims.check(
    "read one at a time with a cache, the outputs are the same",
    (by_page - whole).abs().max(),
    "<",
    1e-5,
)
claims.check("page and package agree", (by_page - by_package).abs().max(), "<", 1e-5)
claims.check("control: with nothing kept they are not", (forgetful - whole).abs().max(), ">", 0.01)

# %% [markdown]
# `sample` keeps such a cache for every layer of a GPT. The package has room for the whole context from the start, and writes each new key into its place. **Guess first:** how many times fewer operations are 120 words with the cache? And how
# many times faster is it?


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
claims.check("twice the words, twice the saving", saved[120] / saved[60], "within", (1.9, 2.1))

# %% [markdown]
# The operations fall by half the length of the text. The time does not: for a single short text most of it is not arithmetic at all, but getting each operation started and fetching the weights.
#
# Once a text is longer than the context, its first word drops out and all later ones have seen another past. From there on everything is read anew.

# %% [markdown]
# ## What a call costs
#
# *If most of the time is not arithmetic, what else could be done in it?* More arithmetic. We give a call more positions to read, and look at the clock.
#
# Our model is so small that getting started is all. A large model waits for its weights: each call fetches all of them from memory, for one word as for many. To see that here, we make a **stand-in** that says exactly
# the same with 30 times the weights: each layer gets thousands of useless hidden units, and their outgoing weights are zero.
#
# *The figure: the time of one call, in units of a call with one position. Your machine's numbers differ.*

# %% tags=["measure"]
# @title The time of a call for more and more positions


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

positions = [1, 2, 4, 8, 16, 32]
with torch.inference_mode():
    clocks = {
        name: [seconds(model, told[:1, :count], repeats=8) for count in positions]
        for name, model in {"our model": writer, "stand-in": large}.items()
    }
plots.curves(
    {name: (positions, [clock / times[0] for clock in times]) for name, times in clocks.items()}
    | {"reference: as many calls": (positions, positions)},
    styles=dict.fromkeys(clocks, marks),
    logx=True,
    logy=True,
    xlabel="positions read in one call",
    ylabel="time, in calls of one",
    title="A call with many positions costs less than as many calls",
    alt="Two lines rise from 1 and stay below the dashed line of as many calls, that of our model far below.",
)

# %% [markdown]
# So there is room in a call. Two things can fill it. **Batches**: the next word of many texts at once. That serves many readers, and makes no single text faster. Prompts of unequal length are padded on the left; a `mask` says which
# tokens are padding, and nobody looks at them.

# %% tags=["measure"]
# @title Prompts of unequal length in one batch
cuts = torch.randint(
    1, 35, (sizes.num_prompts,), generator=torch.Generator().manual_seed(course.seed)
)
widest = int(cuts.max())
prompts = torch.zeros(sizes.num_prompts, widest, dtype=torch.long, device=course.device)
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
#
# Here it is for many guesses of one word:


# %%
def accept(target: Tensor, draft: Tensor, guesses: Tensor, generator) -> tuple[Tensor, Tensor]:
    """Tokens (N,) after guesses (N,), and which were accepted; probabilities (V,)."""
    coins = torch.rand(len(guesses), generator=generator)
    accepted = coins * draft[guesses] < target[guesses]
    left = (target - draft).clamp(min=0)
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
outcomes = {
    "drawn from the target": fresh,
    "the rule": tokens,
    "control: the guesses": guesses,
    "control: refused ones drawn anew": torch.where(accepted, guesses, fresh),
}


def far(tokens: Tensor) -> float:
    """Share of the tokens that would have to change to have the target's frequencies."""
    return float((tokens.bincount(minlength=3) / len(tokens) - p).abs().sum() / 2)


for name, drawn in outcomes.items():
    shares = "  ".join(f"{share:.3f}" for share in drawn.bincount() / len(drawn))
    print(f"{name:32} {shares}   off by {far(drawn):.3f}")
overlap = float(torch.minimum(p, q).sum())
claims.check("by the rule, words have the target's frequencies (off by)", far(tokens), "<", 0.02)
claims.check("control: refused ones drawn anew have not", far(list(outcomes.values())[3]), ">", 0.1)
gap = float(accepted.float().mean()) - overlap
claims.check("accepted share, less the overlap", gap, "within", (-0.02, 0.02))

# %% [markdown]
# The outcome is the target's, exactly. Why: each word is kept with probability $q \min(1, p/q) = \min(p, q)$. What it still lacks is $p - \min(p, q)$, and that is what step 2 draws from. The share accepted is $\sum \min(p, q)$, the **overlap**. A bad draft costs time. It cannot change the text's distribution.
#
# The package's `speculate` does this along a text, with filters, stop tokens and caches; its tests compare whole distributions. Greedy is the sharpest check here: the guesses must change no word.

# %% tags=["measure"]
# @title Drafts of five kinds, four guesses a call
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


def guessed(
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


with torch.no_grad():
    target_probs = writer(told).softmax(-1)
per_call, shares, overlaps = {}, {}, {}
for name, draft in drafts.items():
    per_call[name], shares[name] = guessed(writer, draft, 4)
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
apart = max(abs(shares[name] - overlaps[name]) for name in drafts)
claims.check("accepted share and overlap: largest difference of five drafts", apart, "<", 0.08)
claims.check("the small GPT: words for each call", per_call["small GPT"], ">", 4)
claims.check("a unigram: words for each call", per_call["1-gram"], "<", 1.5)

# %% [markdown]
# ### When does it lose?
#
# Fewer calls of the target are bought with calls of the draft. If each guess is accepted with probability $a$, independently, a call with $N$ guesses gives on average
#
# $$1 + a + a^2 + \dots + a^N = \frac{1 - a^{N+1}}{1 - a}$$
#
# words. For them we pay one call of the target with $N+1$ positions, which costs $r$ calls with one (the figure above: $r$ grows with $N$), and $N$ calls of the draft, each a share $c$ of one. So it pays only if the sum is above $r + Nc$.
#
# *The figure: words a second with speculation, in units of those without it, for the stand-in as target. Below the dashed line it loses. For which draft does a larger $N$ help?*

# %% tags=["measure"]
# @title Speed against the number of guesses


def pace(draft: nn.Module | None, num_guesses: int = 1) -> float:
    """Seconds for 40 words of the stand-in."""
    options = dict(max_new_tokens=40, generator=torch.Generator().manual_seed(course.seed))
    if draft is None:
        return seconds(lambda: last(sample(large, start, **options)), repeats=2)
    options["num_guesses"] = num_guesses
    return seconds(lambda: last(speculate(large, draft, start, **options)), repeats=1)


with torch.inference_mode():
    one_call = seconds(large, start, repeats=8)
    for name in ("1-gram", "2-gram", "small GPT"):
        share = seconds(drafts[name], told[:1, :2], repeats=8) / one_call
        print(f"{name:9} c = {share:.2f} of a call of the stand-in")
alone_pace, counts = pace(None), [1, 4, 16]
gains = {
    name: (counts, [alone_pace / pace(drafts[name], count) for count in counts])
    for name in ("1-gram", "2-gram", "small GPT")
}
plots.curves(
    gains,
    references={"without": 1.0},
    styles=dict.fromkeys(gains, marks),
    logx=True,
    xlabel="guesses for each call of the target",
    ylabel="times as fast",
    title="A draft that agrees may guess far ahead; one that does not costs time",
    alt="Three lines over the number of guesses. That of the small GPT is the highest and above the dashed "
    "line; that of the unigram is the lowest, falls, and lies below it.",
)

# %% [markdown]
# A long row of guesses pays only if nearly all are taken. After the first refusal the rest has been read for nothing. And the room in a call can be filled only once: where a batch of many readers already fills it, a guess has to be paid in full.

# %% [markdown]
# ## Is greedy deterministic?
#
# *The same weights, the same prompt, no random number: the same text?* The article says *deterministic*. A sum of floats depends on the order of its terms, in the last digit. The order depends on how many texts are in the batch, on the number of
# threads, on the library, on the card. Greedy compares the two largest logits. If their **gap** is smaller than what the order moves, the word **flips**, and everything after it is another text.
#
# We take the prompts from above, 40 words each, and change one thing at a time. **Guess first:** how many texts change when a batch is written one by one? And in bfloat16, the short float of large models, with three digits?

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
    "control: the same again": differ(together, continued(writer)),
    "one by one": differ(together[:16], alone),
    "other number of threads": differ(together, other_threads),
    "without the cache": differ(together, continued(writer, use_cache=False)),
    "bfloat16": differ(together, half_together),
    "bfloat16, one by one": differ(half_together[:16], half_alone),
}
for name, share in flipped.items():
    print(f"{name:24} {share:.0%} of the texts differ")
claims.check("the same again: texts that differ", flipped["control: the same again"], "<", 0.05)
claims.check("one by one: texts that differ", flipped["one by one"], "<", 0.1)
claims.check("in bfloat16: texts that differ from float32", flipped["bfloat16"], ">", 0.15)

# %% [markdown]
# In float32 hardly a text changes, in bfloat16 many do. The gaps say why. For every decision of the greedy texts we take the gap between its two largest logits, and how far the logits themselves move: when the prompt stands
# alone instead of in a batch, and in bfloat16.

# %% tags=["measure"]
# @title The gaps of all decisions, beside what moves a logit
text = torch.cat([prompts, together.to(course.device)], dim=1)
real_words = torch.cat([mask, torch.ones_like(together, dtype=torch.bool).to(mask.device)], dim=1)


def reread(model: nn.Module, row: int | None = None) -> Tensor:
    """Logits (N, 40, V) of the words that greedy chose among, in a batch or for one row alone."""
    if row is not None:
        cut = int(cuts[row])
        return model(text[row : row + 1, widest - cut : -1])[:, cut - 1 :].float()
    return model(text[:, :-1], model.make_cache(real_words[:, :-1]))[:, widest - 1 :].float()


with torch.no_grad():
    exact, rounded = reread(writer), reread(half)
    single = torch.cat([reread(writer, row) for row in range(16)])
top = exact.topk(2, dim=-1).values
gaps = (top[..., 0] - top[..., 1]).cpu()  # (N, 40)
moves = {
    "alone or in a batch": float((single - exact[:16]).abs().amax(-1).median()),
    "in bfloat16": float((rounded - exact).abs().amax(-1).median()),
}
for name, amount in moves.items():
    share = float((gaps < amount).float().mean())
    print(f"{name:20} a logit moves by {amount:.0e}; gaps below that: {share:.1%} of the decisions")
flips = (together != half_together).any(1)
first_flip = (together != half_together).int().argmax(1)
at_flip = gaps.gather(1, first_flip[:, None])[flips, 0]
print(f"gaps where bfloat16 flips: median {at_flip.median():.3f}; of all: {gaps.median():.1f}")
claims.check(
    "where bfloat16 flips, the gap is small (largest)", max(at_flip.tolist(), default=0.0), "<", 0.5
)
claims.check("control: most gaps are not (median of all)", gaps.median(), ">", 2)
batch_moves = moves["alone or in a batch"]
close = (gaps < batch_moves).float().mean()
claims.check("gaps below what the batch moves, float32 (share)", close, "<", 0.005)

# %% [markdown]
# A flip is no error. It falls where two words are as good as equal: here the language itself makes ties, such as six heroes of one sixth each. *Deterministic* is true of the rule. Of the text it is true for the same machine, the same batch and the same
# precision; elsewhere as far as the gaps are wider than the rounding. (He et al. 2025 show it for large models, and what it takes to have the same text at every batch size.)

# %% [markdown]
# ## What was measured
#
# **Verdict.** *One token at a time*: one after the other, yes; one for each call of the model, no: a draft that agrees gives several, with the same distribution. *Deterministic or probabilistic*: these are two ends of one knob. Greedy texts are likely, valid
# and all alike, and deterministic up to rounding.

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
# - Chen et al. 2016, *Net2Net*, arXiv:1511.05641: a larger network that says the same.
# - He et al. 2025, *Defeating nondeterminism in LLM inference*, thinkingmachines.ai/blog.
