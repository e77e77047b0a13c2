# %% [markdown]
# # 13 · Crossing over
#
# **Must text be written from left to right, and must pictures come out of noise? We write text by diffusion and pictures by next token, with one network.**
#
# After this lesson you can
#
# - train a network to find hidden words, and say what its loss bounds;
# - write a sampler that fills a text in any order, and say what drawing several words at once costs;
# - say when left to right is the better choice, and when it is not.
#
# *35 minutes to read, 45 minutes more for the exercises, about 70 seconds to run on two cores. Needs lessons 02, 08 and 09. The quoted claims are from [the article](../docs/article.md). Worked answers to the exercises are in
# [the answer booklet](answers/13_crossing_over.ipynb).*

# %% tags=["setup"]
import time

import torch
from torch import Tensor

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("13", seed=0)
claims = Claims("13")
sizes = course.sizes(
    cpu=dict(steps=400, block_steps=200, texts=200, digits=100),
    gpu=dict(steps=800, block_steps=400, texts=1000, digits=500),
)

# %% [markdown]
# ## The claim
#
# > *Sequential generation—predict one token at a time, left-to-right (usually).*
#
# > *Diffusion Models: Work with continuous data (pixels, audio samples, coordinates).*
#
# The first sentence has a *usually* in it. What is the unusual case? And is the second a law, or a habit?
#
# Our language is small enough to know all of it: stories of one sentence, 5,184 of them. Each names a treasure twice, and its pronoun agrees with its hero. All are filled up with line breaks (written as `·`) to 20 tokens.

# %%
from course_utils import data, masked, measure, recipes, training
from course_utils.language import GPT, GPTConfig
from course_utils.language import sample as write_on
from course_utils.masked import MaskedLM
from course_utils.recipes import crossings, ways
from course_utils.records import last

words, MASK, T = ways.tokenizer(), ways.MASK, ways.LENGTH  # MASK is one token more


def readable(text: Tensor) -> str:
    """A text with its gaps, and its line breaks as dots."""
    names = {MASK: "___", ways.END: "·"}
    return " ".join(names.get(token) or words.decode([token]) for token in text.tolist())


for text in ways.said(3, seed=1):
    print(readable(text))

# %% [markdown]
# ## Noise for words
#
# *What is noise, for a word?* Adding 0.3 to a token means nothing. But a token can be **hidden**: a **mask** stands in its place. At time $t$ each token is hidden with probability $t$, on its own. At $t=0$ nothing is, at $t=1$ all: the forward process of lesson 01, in one jump.


# %%
def hide(tokens: Tensor, t: float, generator: torch.Generator | None = None) -> Tensor:
    """Each token of (B, T) becomes the mask with probability t."""
    hidden = torch.rand(tokens.shape, generator=generator) < t
    return tokens.masked_fill(hidden, MASK)


story = ways.said(1, seed=1)
for t in (0.0, 0.3, 0.6, 1.0):
    print(f"t = {t}: {readable(hide(story, t, torch.Generator().manual_seed(0))[0])}")

# %% [markdown]
# A Gaussian leaves a little of each pixel. A mask leaves all of some words and nothing of the others. So no word is ever half known, and whoever undoes it can do it word by word.
#
# ## What is learned
#
# A network sees the text with its gaps, and says for each gap how likely each word is. It is the GPT of lesson 08 with two changes. It has no causal mask: a gap sees what is behind it, too. And each place has a vector of its own. (With all words hidden, all tokens are alike. Rotary positions only say how far apart
# two tokens are; no gap could know where it stands.)
#
# In training we hide $n$ of the $T$ tokens, with $n$ drawn from $1 \ldots T$. The loss is the mean surprise of the hidden ones.


# %%
def masked_loss(model: MaskedLM, batch: tuple[Tensor]) -> Tensor:
    (tokens,) = batch  # (B, T)
    n = torch.randint(1, T + 1, (len(tokens), 1), device=tokens.device)
    ranks = torch.rand_like(tokens, dtype=torch.float).argsort(1).argsort(1)
    hidden = ranks < n  # n of each row, any set as likely as another
    logs = model(tokens.masked_fill(hidden, MASK)).log_softmax(-1)  # (B, T, V)
    surprise = -logs.gather(2, tokens[..., None])[..., 0]  # (B, T)
    return ((surprise * hidden).sum(1, keepdim=True) / n).mean()


torch.manual_seed(course.seed)
config = GPTConfig(MASK + 1, T, num_layers=2, num_heads=4, width=96, causal=False)
model = MaskedLM(GPT(config), MASK).to(course.device)

# %% [markdown]
# Beside it we train the same network from left to right, for the same number of steps, on the same stories.

# %%
training.fit(
    model,
    ways.batches("diffusion", course.seed).to(course.device),
    masked.masked_loss,
    optimizer=training.muon(model),
    checkpoint=course.checkpoint("diffusion"),
    num_steps=sizes.steps,
)
model = model.eval()

writer = ways.model("left to right", course.seed).to(course.device)
training.fit(
    writer,
    ways.batches("left to right", course.seed).to(course.device),
    ways.loss("left to right"),
    optimizer=training.muon(writer),
    checkpoint=course.checkpoint("left_to_right"),
    num_steps=sizes.steps,
)
writer = writer.eval()

# %% tags=["measure"]
# @title The page's loss and the package's, of the trained network
many = ways.said(4000, seed=3).to(course.device)
with torch.no_grad():
    ours, theirs = masked_loss(model, (many,)), masked.masked_loss(model, (many,))
print(f"nats a token: page {ours:.3f}, package {theirs:.3f}")
claims.check("page and package: difference of the loss", (ours - theirs).abs(), "<", 0.05)

# %% [markdown]
# ## Any order
#
# *How do gaps become a text?* Begin with gaps only. In each pass the network looks at the whole, some gaps are chosen, and a word is drawn for each. **Guess:** with one word a pass, does it matter which gap comes first?


# %%
@torch.no_grad()
def unmask(model, tokens: Tensor, passes: int, generator: torch.Generator) -> list[Tensor]:
    """Fill the gaps of (B, T) in any order, as many in each pass; all states on the way."""
    states = [tokens]
    for k in range(passes):
        probs = model(tokens).softmax(-1)  # (B, T, V)
        gaps = tokens == MASK
        count = -(-int(gaps[0].sum()) // (passes - k))  # how many now; rounded up
        rank = torch.rand(tokens.shape, generator=generator).to(tokens.device)
        chosen = rank.masked_fill(~gaps, -1).topk(count, dim=1).indices  # (B, count)
        drawn = torch.multinomial(probs.flatten(0, 1).cpu(), 1, generator=generator)
        drawn = drawn.view(tokens.shape).to(tokens.device)
        tokens = tokens.scatter(1, chosen, drawn.gather(1, chosen))
        states.append(tokens)
    return states


gaps = torch.full((sizes.texts, T), MASK, device=course.device)
states = unmask(model, gaps, T, torch.Generator().manual_seed(4))
for k in (0, 4, 8, 12, 16, 20):
    print(f"{k:2}: {readable(states[k][0])}")

# %% tags=["measure"]
# @title Is it a story? The page's sampler, the package's, and left to right


def right(texts: Tensor) -> float:
    """The share of texts that the language says, to the last line break."""
    return ways.is_text(texts).float().mean().item()


page = right(states[-1])
package = right(ways.write(model, "diffusion", sizes.texts, seed=5))
by_line = right(ways.write(writer, "left to right", sizes.texts, seed=5))
shuffled = ways.said(sizes.texts, seed=6)
shuffled = shuffled.gather(1, torch.rand(shuffled.shape).argsort(1))
print(f"any order, 20 passes: page {page:.1%}, package {package:.1%}; left to right {by_line:.1%}")
claims.check("one word a pass, any order: stories (share)", package, ">", 0.75)
claims.check("page and package: difference of that share", abs(page - package), "<", 0.1)
claims.check("left to right: stories (share)", by_line, ">", 0.95)
claims.check("control: the words of stories, shuffled", right(shuffled), "<", 0.01)

# %% [markdown]
# So *left to right* is not needed. The instrument is strict: all 20 tokens must be one of the 5,184 texts. And the text is *discrete*: diffusion does not need continuous data either.
#
# ## What the loss says
#
# A next-token loss can be held against the entropy of the language. Can this one? For one order, the surprises of a text add up to $-\log p$ of the text when it is written in that order. Our loss averages over all orders. So $T$ times it is the mean of $-\log p$ over orders, and that is at
# least $-\log$ of the mean $p$: a **bound from above**.
#
# How low can it go? Because the language is small, the perfect network can be written down. Of all stories keep those that fit what is seen, and count what they say in the gaps. (It is the exact denoiser of lesson 02, for words.)

# %%
texts, probs = ways.language()  # (5184, 20) and how likely each is


def exactly(tokens: Tensor) -> Tensor:
    """The true p(word | what is seen), (T, V), for one text with gaps (T,)."""
    fits = ((tokens == texts) | (tokens == MASK)).all(1)  # (5184,)
    weight = probs * fits / (probs * fits).sum()
    one_hot = torch.nn.functional.one_hot(texts, MASK + 1).float()  # (5184, T, V)
    return torch.einsum("n,ntv->tv", weight, one_hot)


perfect = ways.exact()  # the package's, for many texts at once

# %% tags=["measure"]
# @title Page and package; and how far above the entropy
half = hide(story, 0.6, torch.Generator().manual_seed(0))
same = (exactly(half[0]) - perfect(half)[0].exp()).abs().max()
claims.check("exact: page and package differ by", same, "<", 1e-4)
noise = crossings.excess(perfect, "diffusion")  # of the same texts and masks; it should be 0
above = {
    "by diffusion (a bound)": crossings.excess(model.cpu(), "diffusion") - noise,
    "perfect, any order": noise,
    "left to right": crossings.excess(writer.cpu(), "left to right"),
}
model, writer = model.to(course.device), writer.to(course.device)
print(f"the language says {data.short_stories().entropy():.2f} nats a story; above that:")
for name, nats in above.items():
    print(f"{name:24}{nats:6.3f}")
claims.check("perfect: nats above the entropy", abs(above["perfect, any order"]), "<", 0.1)
claims.check("left to right: nats above", above["left to right"], "<", 0.08)
claims.check(
    "by diffusion, after the same steps: more nats above, by",
    above["by diffusion (a bound)"] - above["left to right"],
    ">",
    0.03,
)

# %% [markdown]
# A perfect network pays the entropy and no more, in any order (what is left is noise of the estimate; it is common to all rows of diffusion, and taken off them). Ours pays more than the one from left to right. It was asked more: a next word has 20 questions a story, a gap $2^{20}$ sets of seen words. Is it only slower? Here are twelve trainings of each, three seeds for each length.

# %% tags=["measure"]
# @title Nats above the entropy, against the length of training
kept = crossings.recorded()


def over_seeds(way: str, steps: int, pick) -> measure.Scatter:
    """What `pick` takes out of the three seeds' scores."""
    return measure.Scatter.of(pick(kept[way, steps, seed]) for seed in crossings.SEEDS)


excess = {
    way: [over_seeds(way, n, lambda found, off=off: found["excess"] - off) for n in crossings.STEPS]
    for way, off in (("left to right", 0.0), ("diffusion", noise))
}
for way, found in excess.items():
    for n, nats in zip(crossings.STEPS, found, strict=True):
        print(f"{way:14} {n:4} steps: {nats.mean:.3f} ({nats.low:.3f} to {nats.high:.3f})")
plots.curves(
    {way: (crossings.STEPS, [s.mean for s in found]) for way, found in excess.items()},
    title="Any order is learned more slowly",
    xlabel="steps of 64 stories",
    ylabel="nats a story above the entropy",
    logx=True,
    logy=True,
    styles={way: {"marker": "o"} for way in excess},
    alt="Two falling lines. The one of diffusion lies above the one of left to right at each length "
    "of training, by a factor of five or more.",
)

# %% tags=["measure"]
# @title The claim
claims.check(
    "at each length, diffusion is further above (least difference, nats)",
    min(d.low - w.high for w, d in zip(*excess.values(), strict=True)),
    ">",
    0.02,
)

# %% [markdown]
# (For text of the world, Nie et al. 2024 estimate about sixteen times the computation for the same loss.)
#
# ## Several words at once
#
# The promise of diffusion is speed: 20 words in 5 passes. **Guess first:** with the *perfect* network, how many of 100 texts are stories after 5 passes? After 10?

# %% tags=["measure"]
# @title Stories against passes, for three orders
PASSES = (1, 2, 4, 5, 10, 20)


def over_passes(model, order: str) -> list[float]:
    """The share of stories for each number of passes."""
    chosen = masked.ORDERS[order]
    return [
        right(ways.write(model, "diffusion", sizes.texts, passes, chosen, seed=passes))
        for passes in PASSES
    ]


perfectly = {order: over_passes(perfect, order) for order in masked.ORDERS}
learned = {
    order: [
        over_seeds("diffusion", 800, lambda f, k=f"{n} {order}": f["texts"][k]["valid"])
        for n in PASSES
    ]
    for order in masked.ORDERS
}
print("passes                 " + "".join(f"{n:8}" for n in PASSES))
for order, found in perfectly.items():
    print(f"perfect, {order:14}" + "".join(f"{share:8.0%}" for share in found))
for order, found in learned.items():
    print(f"trained, {order:14}" + "".join(f"{s.mean:8.0%}" for s in found))
plots.curves(
    {
        f"{order} order".replace("right order", "right"): (PASSES, found)
        for order, found in perfectly.items()
    },
    title="In these three orders even the perfect network contradicts itself in few passes",
    xlabel="passes for 20 words",
    ylabel="share of stories",
    logx=True,
    styles={
        f"{order} order".replace("right order", "right"): {"marker": "o"} for order in perfectly
    },
    alt="Three rising lines that meet at 1 for 20 passes. At 10 passes, random order is near one half, left to right "
    "near 0.15, and confident order below 0.1.",
)

# %% tags=["measure"]
# @title The claims
at_ten = {order: found[PASSES.index(10)] for order, found in perfectly.items()}
claims.check(
    "perfect, 20 passes, worst order: stories", min(f[-1] for f in perfectly.values()), "==", 1.0
)
claims.check("perfect, 10 passes in random order: stories", at_ten["random"], "<", 0.7)
claims.check("perfect, 5 passes in random order: stories", perfectly["random"][3], "<", 0.3)
claims.check(
    "trained on three seeds, 10 passes in random order (best)",
    learned["random"][PASSES.index(10)].high,
    "<",
    0.7,
)
claims.check("trained, 20 passes, random order (worst seed)", learned["random"][-1].low, ">", 0.85)
claims.check(
    "perfect, 10 passes: random minus confident order",
    at_ten["random"] - at_ten["confident"],
    ">",
    0.2,
)

# %% [markdown]
# The perfect network fails as the trained one does. So this is no error of a network. Words of one pass are drawn each for itself: two gaps for the same treasure may become *key* and *drum*. Each word was likely; together they are nonsense. As in lesson 03 there are two errors, that of the sampler and that of the network, and an exact
# answer separates them.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 13.1 - Drawn apart (8 min, easy)
#
# Two gaps. `joint[a, b]` says how likely the words $a$ and $b$ are to stand there together; where it is 0, they cannot. One pass draws each from its own probabilities, without the other. How likely is it that the pair which comes out is possible?
#
# <details><summary>Hint</summary>
#
# The first gap's own probabilities are the sums of the rows, the second's those of the columns. The pass draws the pair $(a, b)$ with the product of the two.
#
# </details>


# %% tags=["exercise"]
def drawn_apart(joint: Tensor) -> float:
    """Return the probability that two words drawn in one pass can stand together.

    Args:
        joint: (V, W) probabilities of pairs; they sum to 1.
    """
    # BEGIN SOLUTION
    apart = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)  # (V, W)
    return apart[joint > 0].sum().item()
    # END SOLUTION


# %% tags=["check"]
checks.run("13.1", drawn_apart)

# %% [markdown]
# ## Why the surest first is worst at ten passes
#
# One order seemed clever: **confident order** fills the gaps where the network is surest. At ten passes it is the worst here, for the perfect network too. (At 5, and beyond 10, left to right is; [log](../docs/experiments.md).) **Guess why:** which gaps does it leave for last, and what do they have in common?
#
# Look at a state after seven of ten passes of two words:

# %%
half_way = next(
    step.state
    for step in masked.sample(
        perfect,
        gaps.cpu(),
        num_steps=10,
        order=masked.confident,
        generator=torch.Generator().manual_seed(0),
    )
    if step.calls == 7
)
for text in half_way[:3]:
    print(readable(text))

# %% [markdown]
# The words that are always there are sure, and go first. The treasures go last. And the two gaps of one treasure are *equally* unsure, one in eight. So they come up in the same pass, and are drawn apart.

# %% tags=["measure"]
# @title What share of the failures names two treasures?
treasures = ways.treasures()


def two_treasures(texts: Tensor) -> Tensor:
    """(B,) True where the text names two treasures that differ."""
    named = torch.isin(texts, treasures)
    pairs = [row[there].tolist() for row, there in zip(texts, named, strict=True)]
    return torch.tensor([len(pair) == 2 and pair[0] != pair[1] for pair in pairs])


differ = {}
for order, chosen in masked.ORDERS.items():
    made = ways.write(perfect, "diffusion", sizes.texts, 10, chosen, seed=10)
    failed = made[~ways.is_text(made)]
    differ[order] = two_treasures(failed).float().mean().item()
    print(
        f"{order:14} failures {len(failed) / len(made):4.0%}, of these two treasures {differ[order]:4.0%}"
    )
claims.check(
    "confident, 10 passes: failures that name two treasures", differ["confident"], ">", 0.6
)
claims.check("control, random order: failures that name two treasures", differ["random"], "<", 0.35)

# %% [markdown]
# Would greedy choices help, temperature 0? Then both gaps take the *same* likeliest treasure. **Guess:** how many different stories come out?

# %% tags=["measure"]
# @title Confident and greedy
greedy = last(
    masked.sample(perfect, gaps.cpu(), num_steps=10, order=masked.confident, temperature=0)
).state
varied = ways.write(perfect, "diffusion", sizes.texts, seed=7)
true = ways.said(sizes.texts, seed=8)
greedy_kinds, kinds, true_kinds = (
    len({tuple(row) for row in made.tolist()}) for made in (greedy, varied, true)
)
print(f"greedy: {greedy_kinds} different text of {len(greedy)}: {readable(greedy[0])}")
print(f"drawn, one word a pass: {kinds} different texts; true stories: {true_kinds}")
claims.check("confident and greedy: different texts", greedy_kinds, "==", 1)
claims.check("confident and greedy: stories (share)", right(greedy), "==", 0)
claims.check(
    "drawn, one word a pass: different texts, over those of as many true stories",
    kinds / true_kinds,
    ">",
    0.9,
)

# %% [markdown]
# One text, again and again; and it is no story. Each word is the likeliest for its own place, whatever stands beside it.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 13.2 - Accept or mask (20 min, a build)
#
# A fixed number of words a pass is the mistake. Better: in each pass *accept* the gaps of which the network is sure, and leave the others masked. A gap is **sure** if one word there has at least the probability `threshold`. If a text has gaps and none is sure, accept its surest one, the leftmost of equals; so each pass finds
# something. A text without gaps accepts nothing.
#
# This rule decides *where*. What is drawn there is as before.
#
# <details><summary>Hint</summary>
#
# Sureness is the largest probability of a place; give the places that are no gaps -1. `argmax` takes the leftmost of equals. Which texts need it?
#
# </details>


# %% tags=["exercise"]
def accepted(probs: Tensor, gaps: Tensor, threshold: float) -> Tensor:
    """Return which gaps are filled in this pass, (B, T) bool.

    Args:
        probs: (B, T, V) what the network says of each place.
        gaps: (B, T) True where a word is to be found.
        threshold: above 0, at most 1.
    """
    # BEGIN SOLUTION
    sureness = probs.amax(-1).masked_fill(~gaps, -1)  # (B, T)
    sure = gaps & (sureness >= threshold)
    surest = torch.zeros_like(gaps).scatter(1, sureness.argmax(1, keepdim=True), True)
    return torch.where(sure.any(1, keepdim=True), sure, surest & gaps)
    # END SOLUTION


# %% tags=["check"]
checks.run("13.2", accepted)

# %% [markdown]
# The package has this rule in `masked.sample_sure` (Wu et al. 2025 use it to speed up large models). **Guess:** how many passes will the perfect network need for 20 words, without a contradiction?

# %% tags=["measure"]
# @title Stories and passes against the threshold


def surely(model, threshold: float) -> tuple[float, float]:
    """Passes for a text on average, and the share of stories."""
    before, passes = gaps, torch.zeros(len(gaps))
    before = before.to(next(iter(model.state_dict().values())).device)
    generator = torch.Generator().manual_seed(0)
    for step in masked.sample_sure(model, before, threshold=threshold, generator=generator):
        passes += (before == MASK).any(1).cpu()
        before = step.state
    return passes.mean().item(), right(before)


THRESHOLDS = (0.3, 0.5, 0.7, 0.9, 0.99)
sure = {
    "perfect": [surely(perfect, threshold) for threshold in THRESHOLDS],
    "trained": [surely(model, threshold) for threshold in THRESHOLDS],
}
for name, found in sure.items():
    for threshold, (passes, share) in zip(THRESHOLDS, found, strict=True):
        print(f"{name}, threshold {threshold:4}: {passes:5.1f} passes, stories {share:4.0%}")
claims.check("perfect, threshold 0.9: stories", sure["perfect"][3][1], ">", 0.99)
claims.check("perfect, threshold 0.9: passes for 20 words", sure["perfect"][3][0], "<", 17)
claims.check("trained, threshold 0.99: passes", sure["trained"][4][0], "<", 18)
claims.check("trained, threshold 0.99: stories", sure["trained"][4][1], ">", 0.85)

# %% [markdown]
# A quarter of the passes is saved, and nothing is lost. (The trained network is now and then sure of what is open, so its threshold must be higher.) Nor is this the best rule: a plan that knows which choices are free of each other writes all these stories in three passes (log). How far diffusion can be parallel is a question about the *text*, and about who knows it.
#
# Choose an order and a number of passes. The shade says in which pass each word was found.


# %% tags=["measure"]
# @title When was each word found? One story, from menus
def show(order="random", passes=10):
    """The pass in which each place was found, in three texts."""
    start = torch.full((3, T), MASK)
    found = torch.zeros(3, T)
    steps = masked.sample(
        perfect,
        start,
        num_steps=passes,
        order=masked.ORDERS[order],
        generator=torch.Generator().manual_seed(1),
    )
    for step in steps:
        found[(step.state != MASK) & (found == 0)] = step.calls
        final = step.state
    stories = ["a story" if ok else "no story" for ok in ways.is_text(final)]
    return plots.heatmap(
        found,
        xticks=readable(final[0]).split(" "),
        yticks=stories,
        xlabel="the words of the first text",
        form="{:.0f}",
        title=f"{order}, {passes} passes: when each place was found",
        alt="Three rows of twenty places, each with the number of the pass in which it was found.",
        size=(9.0, 2.6),
    )


widgets.slider(show, order=list(masked.ORDERS), passes=list(PASSES))

# %% tags=["measure"]
# @title The same without menus
show("confident", 10)

# %% [markdown]
# ## Filling the middle
#
# Where must left to right lose? *One day Mia found an old ___ by the river, and she took the key home.* The answer stands *behind* the gap. **Guess:** how often will a writer that sees only what is before be right?

# %% tags=["measure"]
# @title A hidden treasure, found in three ways
generator = torch.Generator().manual_seed(0)
asked = ways.said(sizes.texts, seed=9).to(course.device)
fills = {
    "diffusion: sees both sides": right(ways.fill_seen(model, asked, generator)),
    "left to right: goes on": right(ways.fill_blind(writer, asked, generator)),
    "left to right: weighs all eight": right(ways.fill_weighed(writer, asked, generator)),
}
for name, share in fills.items():
    print(f"{name:34}{share:5.0%}")
seen, blind, weighed = fills.values()
claims.check("diffusion: the gap is filled rightly", seen, ">", 0.9)
claims.check("left to right, what is before alone (chance 1/8)", blind, "<", 0.25)
claims.check("left to right, that weighs all eight", weighed, ">", 0.9)
by_seed = over_seeds("diffusion", 400, lambda found: found["filled"]["seen"])
claims.check("diffusion, three seeds: the worst", by_seed.low, ">", 0.9)

# %% [markdown]
# The third row is fair to the rival. A model from left to right can *read* each of the eight candidates to the end, and choose as Bayes' rule says. Then it is as good, for eight readings instead of one. With two gaps it would be 64. So the limit is no law: it is a price.

# %% [markdown]
# ## Blocks: the road between
#
# Left to right keeps what it has read in a cache (lesson 09). Diffusion can keep nothing exactly: each new word changes what all others see. Between the two there is a road: **blocks** of $S$ words, left to right from block to block, diffusion inside (Arriola et al. 2025). Finished blocks are kept. (Wu et al. 2025 keep approximately without blocks.) $S=1$ is a GPT,
# $S=T$ is diffusion.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 13.3 - Who sees whom (10 min, medium)
#
# Write the mask: which place may look at which? A place sees all of its own block, and all blocks before. Blocks begin at place 0, and each has `block_size` places. Not all of a text need ask: with a cache, one block asks, and it and all before are looked at.
#
# <details><summary>Hint</summary>
#
# Which block is place $i$ in? Compare the blocks of two places.
#
# </details>


# %% tags=["exercise"]
def sees(queries: Tensor, keys: Tensor, block_size: int) -> Tensor:
    """Return (Q, K) bool: row i is True where place queries[i] may look at place keys[j].

    Args:
        queries: (Q,) places in the text, int64.
        keys: (K,) the same.
        block_size: at least 1.
    """
    # BEGIN SOLUTION
    return (queries // block_size)[:, None] >= keys // block_size
    # END SOLUTION


# %% tags=["check"]
checks.run("13.3", sees)

# %% [markdown]
# We train a network for blocks of 5, and write with all of them. The clock counts a batch of texts. **Guess:** which is fastest?

# %% tags=["measure"]
# @title Stories, passes and seconds
blocks = ways.model("blocks of 5", course.seed).to(course.device)
training.fit(
    blocks,
    ways.batches("blocks of 5", course.seed).to(course.device),
    ways.loss("blocks of 5"),
    num_steps=sizes.block_steps,
    optimizer=training.muon(blocks),
    checkpoint=course.checkpoint("blocks"),
)
blocks = blocks.eval()
rows = {
    "left to right, cache": (writer, "left to right", 20),
    "blocks of 5": (blocks, "blocks of 5", 20),
    "blocks of 5, fewer": (blocks, "blocks of 5", 8),
    "diffusion": (model, "diffusion", 20),
    "diffusion, fewer ": (model, "diffusion", 10),
}
written = {}
for name, (net, way, passes) in rows.items():
    ways.write(net, way, 8, passes)  # warm
    started = time.perf_counter()
    made = ways.write(net, way, sizes.texts, passes, seed=2)
    seconds = time.perf_counter() - started
    written[name] = right(made)
    print(f"{name:22}{passes:3} passes {seconds:6.2f} s   stories {written[name]:4.0%}")

# %% [markdown]
# With so many texts side by side, and one word a pass, left to right wins: its cache makes a pass a step of one word, where diffusion reads all 20 again. Blocks lie between. (With a single text all are nearer to each other. The blocks were trained half as long here.) In this language fewer passes cost stories in blocks, too. Now over three seeds, at equal steps; a step in blocks reads each text twice, and takes about twice the time:

# %% tags=["measure"]
# @title Four ways, one network, equal steps


def best(way: str, passes: int) -> measure.Scatter:
    """Stories after 800 steps, random order."""
    order = "left to right" if way == "left to right" else "random"
    return over_seeds(way, 800, lambda f: f["texts"][f"{passes} {order}"]["valid"])


print(f"{'passes':16}" + "".join(f"{n:>18}" for n in (4, 10, 20)))
four = {}
for way in ways.WAYS:
    four[way] = {n: best(way, n) for n in (4, 10, 20) if n in crossings.passes_of(way)}
    cells = [
        f"{found.mean:.1%} ± {(found.high - found.low) / 2:.1%}" if found else "-"
        for found in (four[way].get(n) for n in (4, 10, 20))
    ]
    print(f"{way:16}" + "".join(f"{cell:>18}" for cell in cells))
claims.check("20 passes: left to right (worst seed)", four["left to right"][20].low, ">", 0.97)
claims.check("20 passes: blocks of 5 (worst seed)", four["blocks of 5"][20].low, ">", 0.85)
claims.check("20 passes: diffusion (worst seed)", four["diffusion"][20].low, ">", 0.85)
claims.check(
    "10 passes: the best of the others (best seed)",
    max(found[10].high for found in four.values() if 10 in found),
    "<",
    0.8,
)

# %% [markdown]
# ## Pictures, one token at a time
#
# Now the other way across. A digit of 16 x 16 pixels is cut into four greys, and written in rows: 256 tokens. Before them stands its label. That is a text, and the same GPT can learn it (here from shipped weights: 2,400 steps, some four minutes).

# %%
from course_utils.recipes import pixels

real = data.load_digits(16)
as_tokens = pixels.to_tokens(*real.test)  # (500, 257): a label, then pixels
painter = recipes.load("pixels", course.device)
labels = torch.arange(sizes.digits) % 10
prompt = pixels.LEVELS + labels[:, None].to(course.device)  # (B, 1)
steps = write_on(painter, prompt, max_new_tokens=256, generator=torch.Generator().manual_seed(0))
drawn = last(steps).state  # (B, 257)

# %% tags=["measure"]
# @title Digits, half written and whole
whole = pixels.to_images(drawn.cpu())
part = drawn.clone().cpu()
part[:, 1 + 128 :] = 0
part[:, 1 + 128 :: 2] = 1  # what is not written yet is hatched
plots.image_grid(
    torch.stack([pixels.to_images(part)[:10], whole[:10], pixels.to_images(as_tokens)[:10]]),
    rows=["128 tokens", "256 tokens", "real, four greys"],
    title="Digits written like a text, pixel after pixel",
    alt="Three rows of ten digits. In the first the lower half is hatched; in the second all ten digits are whole; "
    "in the third are real ones.",
)

# %% [markdown]
# A judge of real digits reads them. Its fakes: pixels drawn each by how often it has each grey *in that digit* (real marginals, no structure), and real digits as the ceiling.

# %% tags=["measure"]
# @title What the judge says
torch.manual_seed(course.seed)
judge = measure.Judge(16).to(course.device)
training.fit(
    judge,
    data.Batches(*real.train, batch_size=64, seed=course.seed).to(course.device),
    measure.classification_loss,
    num_steps=400,
    optimizer=training.adamw(judge, 3e-3),
    checkpoint=course.checkpoint("judge"),
)
judge = judge.eval()
train_tokens = pixels.to_tokens(*real.train)


def pixel_by_pixel(label: int) -> Tensor:
    """A text whose every pixel comes from another digit of this label: (257,)."""
    same = train_tokens[real.train.labels == label]
    return same[torch.randint(len(same), (257,)), torch.arange(257)]


apart = torch.stack([pixel_by_pixel(int(label)) for label in labels])
looks = {
    "written": (whole, labels),
    "real, in four greys": (pixels.to_images(as_tokens), real.test.labels),
    "fake: each pixel for itself": (pixels.to_images(apart), labels),
}
read, away = {}, {}
for name, (images, wanted) in looks.items():
    images, wanted = images.to(course.device), wanted.to(course.device)
    read[name] = judge.accuracy(images, wanted)
    away[name] = judge.distance(images, real.test.images.to(course.device))
    print(f"{name:30} read as asked {read[name]:4.0%}, distance by features {away[name]:6.2f}")
claims.check("digits by next token: read as asked", read["written"], ">", 0.75)
claims.check("digits by next token: distance by features", away["written"], "<", 0.6)
claims.check("fake, each pixel for itself: distance", away["fake: each pixel for itself"], ">", 1.2)

# %% [markdown]
# (Mind the fake: the judge reads it well, since it holds each digit's ink where it belongs. The distance sees that it has no strokes.)
#
# So *continuous data* is a habit of diffusion, and *tokens* one of language models. What a picture costs this way: 256 calls for 256 pixels. Diffusion draws all pixels at once, in ten (lesson 03). A price then, and no law, speaks for each at home. Lesson 14 measures it.
#
# ## Where the claim stops being true
#
# - **The stories are short, and we know them all.** Their choices are few. In long texts more words are free of each other, and parallel drawing costs less.
# - **"Learned more slowly"** is about this network and 800 steps. It shrinks over training; nothing here says that it stays.
# - **Diffusion in four greys.** The same masked training on pixels, at the budget of a third of the writer's, gave no legible digits (docs/experiments.md). That is one length of training and one seed; others draw well so.
# - **The perfect network cannot be written down** for a language that one does not know. It is here to tell the sampler's error from the network's.
#
# ## What was measured
#
# **Verdict on *one token at a time, left-to-right (usually)*: the *usually* is right. Any order works, and fills a gap by one reading where left to right needs one for each candidate. Several tokens at once works only for tokens that do not hang on each other. With a cache and many texts, left to right was cheaper per word; it was learned sooner.**

# %% tags=["measure"]
# @title All claims of this lesson
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# | | diffusion of pixels | masked text | left to right |
# |---|---|---|---|
# | noise | a Gaussian is added | tokens are hidden | what comes next is hidden |
# | an example | `add_noise(x0, t)` | `mask_tokens(tokens, t)` | `shift_targets(tokens)` |
# | the loss | squared error of the noise | mean surprise of what is hidden | surprise of the next token |
# | the perfect answer | `GaussianMixtureDenoiser` | `ExactMaskedLM` | the grammar's own next word |
# | calls | steps, any number | passes, any number | tokens |
# | condition | `cond` | words that are seen, anywhere | words before |
#
# ## Papers
#
# - Austin et al. 2021, *Structured denoising diffusion models in discrete state-spaces* (D3PM), arXiv:2107.03006: the mask as noise.
# - Sahoo et al. 2024, *Simple and effective masked diffusion language models* (MDLM), arXiv:2406.07524: the loss.
# - Hoogeboom et al. 2022, *Autoregressive diffusion models*, arXiv:2110.02037: the loss as a mean over orders.
# - Chang et al. 2022, *MaskGIT: Masked generative image transformer*, arXiv:2202.04200: confident order.
# - Nie et al. 2024, *Scaling up masked diffusion models on text*, arXiv:2410.18514: sixteen times the computation.
# - Wu et al. 2025, *Fast-dLLM*, arXiv:2505.22618: accept what is sure.
# - Arriola et al. 2025, *Block diffusion*, arXiv:2503.09573: blocks with a cache.
# - Chen et al. 2020, *Generative pretraining from pixels* (Image GPT): pictures by next token.
