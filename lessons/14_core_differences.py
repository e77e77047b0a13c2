# %% [markdown]
# # 14 · Core differences
#
# **The article lists seven differences. Which of them belong to the families, and which to what each is usually given to do?**
#
# After this lesson you can
#
# - put two families on one bench: equal weights, equal operations, the same task;
# - tell from operations and bytes which limit of a machine a model meets, and which family is faster where;
# - say of each difference how large it is, and where it ends.
#
# *40 minutes to read, 45 minutes more for the exercises, about 70 seconds to run on two cores. Needs lessons 03, 09 and 13. The quoted claims are from [the article](../docs/article.md). Worked answers to the exercises are in
# [the answer booklet](answers/14_core_differences.ipynb).*

# %% tags=["setup"]
import math
import time

import torch
from torch import Tensor

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, poster, scoreboard, setup, widgets

course = setup("14", seed=0)
claims = Claims("14")
sizes = course.sizes(
    cpu=dict(steps=300, ring_steps=800, digits=200, texts=200, longest=1024, batch=64),
    gpu=dict(steps=600, ring_steps=2000, digits=500, texts=1000, longest=1024, batch=64),
)

# %% [markdown]
# ## The bench
#
# > *While both are powerful generative AI technologies, they operate on fundamentally different principles*
#
# A U-Net that paints and a GPT that tells stories differ in everything: data, size, task. If one is slower, what is the reason? A bench changes **one thing at a time**. Lesson 13 showed that each family can do the other's work. So we have four models, two tasks by two families:
#
# | | by diffusion | by next token |
# |---|---|---|
# | **pictures**: digits of 16 x 16 | 64 patches, noise removed in 10 calls | 256 pixels of four greys, one a call |
# | **text**: stories of 20 tokens | hidden words found, one a pass | one word after the other |
#
# All four are transformers of two layers. Those of one task are as large as each other, and were trained with as many operations.

# %%
from course_utils import data, diffusion, masked, measure, recipes, training
from course_utils.language import sample
from course_utils.records import last
from course_utils.recipes import crossings, patches, pixels, rivals, ways

painters = {
    "diffusion": recipes.load("patches", course.device),
    "next token": recipes.load("pixels", course.device),
}
WAY = {"diffusion": "diffusion", "next token": "left to right"}
writers = {}
for family, way in WAY.items():
    writers[family] = ways.model(way, course.seed).to(course.device)
    training.fit(
        writers[family],
        ways.batches(way, course.seed).to(course.device),
        ways.loss(way),
        num_steps=sizes.steps,
        optimizer=training.muon(writers[family]),
        checkpoint=course.checkpoint(family.replace(" ", "_")),
    )
    writers[family].eval()

# %% tags=["measure"]
# @title Are they matched? Weights, and operations of the training
weights = {
    (task, family): sum(p.numel() for p in net.parameters())
    for task, nets in (("pictures", painters), ("text", writers))
    for family, net in nets.items()
}
untrained = {"diffusion": patches.RECIPE, "next token": pixels.RECIPE}
image, label = torch.randn(1, 1, 16, 16), torch.tensor([1])
forward = {
    "diffusion": measure.forward_flops(patches.model().net, image, torch.tensor([0.5]), label),
    "next token": measure.forward_flops(pixels.model(), torch.zeros(1, 256).long()),
}
images_a_step = {family: recipe.batches().batch_size for family, recipe in untrained.items()}
spent = {
    ("pictures", family): 3 * forward[family] * images_a_step[family] * rivals.STEPS[family]
    for family in forward
}
for family, way in WAY.items():
    call = measure.forward_flops(ways.model(way), torch.zeros(1, ways.LENGTH).long())
    spent["text", family] = 3 * call * ways.batches(way).batch_size * 800  # the trainings kept
for (task, family), count in weights.items():
    print(f"{task:9} by {family:11} {count:8,} weights", end="")
    print(f", {spent[task, family] / 1e12:.1f} tera-operations in training")
for task in ("pictures", "text"):
    ratio = weights[task, "diffusion"] / weights[task, "next token"]
    claims.check(f"{task}: weights, diffusion over next token, off 1 by", abs(ratio - 1), "<", 0.06)
for task in ("pictures", "text"):
    ratio = spent[task, "diffusion"] / spent[task, "next token"]
    claims.check(f"{task}: operations of the training, off 1 by", abs(ratio - 1), "<", 0.06)

# %% [markdown]
# (A step backward costs about twice a step forward, hence the 3. Rows 3 and 6, and the digits of row 5, come from three trainings of each, kept in the package. The models above are one training each; a row that asks them says so.)
#
# ## 1 · Data domain
#
# > *Diffusion Models: Work with continuous data (pixels, audio samples, coordinates).*
# >
# > *LLMs: Work with discrete tokens (words, characters, code symbols).*
#
# *Why not add noise to words?* Tokens are numbers, too. We bring pixels and token ids to a standard deviation of 1, add the same Gaussian noise, and round back. **Guess:** at noise of 0.3, what share of pixels and what share of ids survives?


# %%
def survives(values: Tensor, sigma: float) -> float:
    """The share of whole numbers that are the same after noise of sigma standard deviations."""
    noise = sigma * values.float().std() * torch.randn(values.shape)
    back = (values + noise).round().clamp(0, int(values.max()))
    return (back == values).float().mean().item()


torch.manual_seed(course.seed)
real = data.load_digits(16)
greys = pixels.to_tokens(*real.test)[:, 1:]  # (500, 256), each 0 ... 3
ids = ways.said(500, seed=1)  # (500, 20), each 0 ... 40
for sigma in (0.1, 0.3, 1.0):
    print(f"sigma {sigma}: greys {survives(greys, sigma):4.0%}, ids {survives(ids, sigma):4.0%}")

# %% [markdown]
# That is what people say. But is it fair? A grey is one of four, an id one of 41. And nobody asks for single pixels: a digit is *read*. So here is a matched reading, a choice among as many: *which of six digits* is it, read by a judge that was trained in this noise; and *which of six heroes* is it, by the story
# that fits the noisy ids best.

# %% tags=["measure"]
# @title Read in noise: six digits and six heroes
SIGMAS = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0)
few = real.train.labels < 6
some = real.test.labels < 6
pixel_std = real.train.images.std()
all_texts, _ = ways.language()
id_std = all_texts.float().std()
hero_ids = torch.cat([ways.tokenizer().encode(name) for name in data.text.HEROES])


def hero_of(texts: Tensor) -> Tensor:
    """(B,) the hero's token."""
    named = torch.isin(texts, hero_ids)
    return texts[torch.arange(len(texts)), named.int().argmax(1)]


def noise_loss(judge, batch):
    """Classification of digits with as much noise as any of the table."""
    images, labels = batch
    sigma = max(SIGMAS) * torch.rand(len(images), 1, 1, 1, device=images.device)
    noisy = images + sigma * pixel_std * torch.randn_like(images)
    return measure.classification_loss(judge, (noisy, labels))


torch.manual_seed(course.seed)
reader = measure.Judge(16).to(course.device)
training.fit(
    reader,
    data.Batches(real.train.images[few], real.train.labels[few], batch_size=64).to(course.device),
    noise_loss,
    num_steps=600,
    optimizer=training.adamw(reader, 3e-3),
    checkpoint=course.checkpoint("reader"),
)
torch.manual_seed(course.seed)
table = {"pixel survives": [], "id survives": [], "digit is read": [], "hero is read": []}
for sigma in SIGMAS:
    noisy = real.test.images[some] + sigma * pixel_std * torch.randn_like(real.test.images[some])
    labels = real.test.labels[some].to(course.device)
    blurred = ids + sigma * id_std * torch.randn(ids.shape)
    nearest = all_texts[torch.cdist(blurred, all_texts.float()).argmin(1)]
    table["pixel survives"].append(survives(greys, sigma))
    table["id survives"].append(survives(ids, sigma))
    table["digit is read"].append(reader.accuracy(noisy.to(course.device), labels))
    table["hero is read"].append((hero_of(nearest) == hero_of(ids)).float().mean().item())
print("sigma             " + "".join(f"{sigma:7}" for sigma in SIGMAS))
for name, shares in table.items():
    print(f"{name:18}" + "".join(f"{share:7.0%}" for share in shares))
at = SIGMAS.index(0.3)
claims.check("sigma 0.3: ids that survive", table["id survives"][at], "<", 0.3)
claims.check("sigma 0.3: pixels that survive", table["pixel survives"][at], ">", 0.6)
claims.check("sigma 0.3: digits that are read", table["digit is read"][at], ">", 0.9)

# %% [markdown]
# The ids die early, as is said. But an id is only a *name*, and the numbers are arbitrary. So write a word as a row of 41 numbers, a 1 among zeros, and add the same noise to it. **Guess:** how many words survive now?

# %% tags=["measure"]
# @title The same words, written as ones among zeros
one_hot = torch.nn.functional.one_hot(ids, 41).float()
torch.manual_seed(course.seed)
kept_words = [
    ((one_hot + sigma * one_hot.std() * torch.randn_like(one_hot)).argmax(-1) == ids)
    .float()
    .mean()
    .item()
    for sigma in SIGMAS
]
print("word survives     " + "".join(f"{share:7.0%}" for share in kept_words))
claims.check("sigma 1, words as ones among zeros: survive", kept_words[SIGMAS.index(1.0)], ">", 0.9)
claims.check(
    "control: the same words as ids, sigma 1", table["id survives"][SIGMAS.index(1.0)], "<", 0.15
)

# %% [markdown]
# **Where it ends.** *Continuous* is no property of pictures and *discrete* none of words: it is how one writes them down. Lesson 13 wrote pictures as tokens, and hid words instead of blurring them.
#
# ## 2 · Generation process
#
# > *Diffusion Models: Iterative refinement—start with noise and gradually refine over many steps.*
# >
# > *LLMs: Sequential generation—predict one token at a time, left-to-right (usually).*
#
# Lesson 00 asked what is final half-way. Now for all four.

# %% tags=["measure"]
# @title Half-way through the calls: what is final?


@torch.no_grad()
def half_and_end(task: str, family: str, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """What stands half-way (B, ...), the end, and where something stands at all."""
    generator = torch.Generator().manual_seed(seed)
    if task == "text" and family == "diffusion":
        gaps = torch.full((64, ways.LENGTH), ways.MASK, device=course.device)
        states = [s.state for s in masked.sample(writers[family], gaps, generator=generator)]
        half, end = states[len(states) // 2 - 1], states[-1]
        return half, end, half != ways.MASK
    if task == "text" or family == "next token":
        net = writers[family] if task == "text" else painters[family]
        start = ways.END if task == "text" else pixels.LEVELS + 3
        length = ways.LENGTH if task == "text" else 256
        prompt = torch.full((16, 1), start, device=course.device)
        states = [
            s.state[:, 1:] for s in sample(net, prompt, max_new_tokens=length, generator=generator)
        ]
        half, end = states[length // 2 - 1], states[-1]
        there = torch.zeros_like(end, dtype=torch.bool)
        there[:, : half.shape[1]] = True
        return torch.nn.functional.pad(half, (0, end.shape[1] - half.shape[1])), end, there
    steps = diffusion.sample(
        painters[family],
        (64, 1, 16, 16),
        step=diffusion.dpm_solver_2m(),
        times=diffusion.times_even_in_snr(painters[family].schedule, 10),
        cond=torch.arange(64, device=course.device) % 10,
        clip=1.0,
        generator=generator,
    )
    states = [s.state for s in steps]
    half, end = states[len(states) // 2 - 1], states[-1]
    return half, end, torch.ones_like(end, dtype=torch.bool)


final, revised = {}, {}
for task in ("pictures", "text"):
    for family in ("diffusion", "next token"):
        rows = []
        for seed in (0, 1, 2):
            half, end, there = half_and_end(task, family, seed)
            same = (half - end).abs() < 0.05
            rows.append(((there & same).float().mean(), (there & ~same).sum() / there.sum()))
        final[task, family] = measure.Scatter.of(row[0] for row in rows)
        revised[task, family] = measure.Scatter.of(row[1] for row in rows)
        print(f"{task:9} by {family:11} final {final[task, family].mean:4.0%}, ", end="")
        print(f"of what stands, revised later {revised[task, family].mean:4.0%}")
claims.check("pictures by diffusion: final half-way", final["pictures", "diffusion"].high, "<", 0.3)
claims.check(
    "the other three: revised later",
    max(s.high for k, s in revised.items() if k != ("pictures", "diffusion")),
    "==",
    0,
)

# %% [markdown]
# That three never revise follows from their samplers: it is a check of the code. That the fourth is nearly all unsettled is the finding.
#
# **Where it ends.** Revising is what Gaussian diffusion does, and it alone here. Text by diffusion is *iterative*, and as final as any text: what is found stays.
#
# ## 3 · Training objective
#
# > *Diffusion Models: Learn to predict and remove noise at each denoising step.*
# >
# > *LLMs: Learn to predict the next token given context.*
#
# Both are regressions with a floor that is not zero (lessons 02 and 06). *How far above its floor does each end?* For text the floor is the entropy of the language. For pictures nobody knows it; so diffusion is asked about the ring, whose best denoiser is a formula.

# %% tags=["measure"]
# @title Above the best possible, in per cent of it
ring = data.ring_mixture()
schedule = diffusion.Cosine()
points = ring.sample(20_000, generator=torch.Generator().manual_seed(0)).to(course.device)
fresh = ring.sample(4000, generator=torch.Generator().manual_seed(1)).to(course.device)
best = diffusion.GaussianMixtureDenoiser(ring.means, ring.std, schedule).to(course.device)
times = [0.1, 0.3, 0.5, 0.7, 0.9]


def mean_error(model) -> float:
    """The error of eps, on average over the times; every model sees the same noise."""
    generator = torch.Generator().manual_seed(2)
    return diffusion.error_by_time(model, fresh, times, generator=generator).mean().item()


def ring_above(seed: int) -> float:
    """A denoiser of the ring, trained for some seconds: its error over the best, minus 1."""
    torch.manual_seed(seed)
    model = diffusion.Denoiser(diffusion.PointMLP(width=64).to(course.device), schedule, "eps")
    training.fit(
        model,
        data.Batches(points, batch_size=256, seed=seed),
        diffusion.denoising_loss,
        num_steps=sizes.ring_steps,
        optimizer=training.adamw(model, 1e-2),
        checkpoint=course.checkpoint(f"ring_{seed}"),
    )
    return mean_error(model.eval()) / mean_error(best) - 1


kept = crossings.recorded()
entropy = data.short_stories().entropy()
above = {
    "ring, by diffusion": measure.Scatter.of(ring_above(seed) for seed in (0, 1, 2)),
    "stories, next token": measure.Scatter.of(
        kept["left to right", 800, seed]["excess"] / entropy for seed in (0, 1, 2)
    ),
    "stories, by diffusion (a bound)": measure.Scatter.of(
        kept["diffusion", 800, seed]["excess"] / entropy for seed in (0, 1, 2)
    ),
}
for name, scatter in above.items():
    print(f"{name:32} {scatter.mean:6.2%} ({scatter.low:.2%} to {scatter.high:.2%})")
uniform = math.log(41) * 20 / entropy - 1
print(f"{'control: a uniform guess of words':32} {uniform:6.0%}")
claims.check(
    "ring by diffusion: above the best (worst)", above["ring, by diffusion"].high, "<", 0.2
)
claims.check(
    "stories by next token: above the entropy (worst)", above["stories, next token"].high, "<", 0.01
)
claims.check("control: a uniform guess", uniform, ">", 1)

# %% [markdown]
# **Where it ends.** Both objectives are *guess what was taken away*: noise, the next word, hidden words. The per cents of the rows are of different things, a squared error and nats; between rows of one kind they compare.
#
# ## 4 · Latency
#
# > *Diffusion Models: Slower generation (requires many iterations, typically 50-1000 steps).*
# >
# > *LLMs: Faster generation (single forward pass per token, though many tokens needed for long outputs).*
#
# **Guess first:** an output of 256 tokens. Ten calls over all of them, or 256 calls for one each, with a cache: which is sooner done?
#
# A call costs **operations** and **bytes**. Each weight is multiplied and added once for each token: two operations. (A third of a diffusion transformer's weights are its *modulation*, lesson 05: they turn the time into shifts and scales, once an example and not once a token.) And each weight must come from memory, *once a call*, however many tokens share it. A machine has a limit for both, and the slower one counts. This is the **roofline**.


# %%
def work(weights: float, new: int, batch: int, once: float = 0) -> tuple[float, float]:
    """Operations and bytes of a call over `new` tokens of each text (attention left out)."""
    operations = 2 * batch * (new * (weights - once) + once)
    return operations, 4 * weights  # float32: 4 bytes a weight


def seconds(operations: float, moved: float, machine: measure.Machine) -> float:
    return max(operations / machine.operations, moved / machine.bandwidth)


this = measure.measured_machine()
print(
    f"{this.name}: {this.operations / 1e9:.0f} billion operations and {this.bandwidth / 1e9:.0f} billion bytes a second"
)
for name, new, batch, once in (
    ("next token", 1, 1, 0),
    ("next token, 64 texts", 1, 64, 0),
    ("diffusion, 256 tokens", 256, 1, 1.25e6 / 3),
):
    operations, moved = work(1.25e6, new, batch, once)
    print(f"{name:24} {operations / moved:6.1f} operations a byte")
print(f"level on this machine    {this.ridge:6.1f} operations a byte: below it memory is the limit")

# %% tags=["measure"]
# @title The page's cost, the package's (which counts attention and the cache), and torch's own count
from course_utils.language import GPT, GPTConfig

LENGTHS = [n for n in (16, 64, 256, 1024) if n <= sizes.longest]
gpt = GPT(GPTConfig(64, 1024, num_layers=4, num_heads=4, width=160)).to(course.device).eval()
dits = {
    n: diffusion.DiT(
        diffusion.Patches(side=2 * math.isqrt(n)), width=128, num_layers=4, num_heads=4
    )
    .to(course.device)
    .eval()
    for n in LENGTHS
}


def numbers(net, *names: str) -> int:
    """How many weights have one of these in their name."""
    return sum(p.numel() for n, p in net.named_parameters() if any(name in n for name in names))


# What is looked up or added (embeddings, positions) is not multiplied.
costs = {"next token": measure.Sizes(numbers(gpt, "") - numbers(gpt, "embed"), 4, 160, 4)} | {
    n: measure.Sizes(
        numbers(dit, "") - numbers(dit, "positions"), 4, 128, 4, numbers(dit, "modulation", "time")
    )
    for n, dit in dits.items()
}
by_page, by_package = work(1.25e6, 1, 1), measure.Sizes(1.25e6, 4, 160, 4).work(1, 0, 1)
claims.check("page and package: the same cost of a call", by_page == by_package, "==", True)
net, token = gpt.cpu(), torch.zeros(1, 256).long()
ratios = {
    "next token": costs["next token"].work(256, 256, 1)[0] / measure.forward_flops(net, token)
}
net.to(course.device)
net, image = dits[256].cpu(), torch.zeros(1, 1, 32, 32)
told = measure.forward_flops(net, image, torch.tensor([0.5]))
ratios["diffusion"] = costs[256].work(256, 256, 1)[0] / told
net.to(course.device)
print(f"weights: next token {numbers(gpt, ''):,}, diffusion {numbers(dits[256], ''):,}", end="")
print(f", of these {costs[256].once:,} are used once an image")
for family, ratio in ratios.items():
    claims.check(f"{family}: operations over torch's count, off 1 by", abs(ratio - 1), "<", 0.03)
naive = measure.Sizes(costs[256].weights, 4, 128, 4).work(256, 256, 1)[0] / told
claims.check("control: as if all weights met each patch, off 1 by", naive - 1, ">", 0.3)

# %% [markdown] tags=["exercise-text"]
# ### Exercise 14.1 - The time of a text (12 min, medium)
#
# Write the least time of a text of $N$ tokens with a cache: pass $k$ reads *one* new token, and sees $k$. `work(new, seen, batch)` gives operations and bytes of a pass; `seconds(operations, bytes)` the least time for both. Do it for several $N$.
#
# <details><summary>Hint</summary>
#
# A pass waits for the slower of its own two. So seconds first, then the sum.
#
# </details>


# %% tags=["exercise"]
def text_seconds(sizes: list[int], batch: int, work, seconds) -> list[float]:
    """Return the least time for a batch of texts, for each size.

    Args:
        sizes: numbers of tokens, each at least 1.
        batch: texts that are written side by side.
        work: work(new, seen, batch) -> (operations, bytes) of one pass.
        seconds: seconds(operations, bytes) -> the least time.
    """
    # BEGIN SOLUTION
    return [sum(seconds(*work(1, k, batch)) for k in range(1, size + 1)) for size in sizes]
    # END SOLUTION


# %% tags=["check"]
checks.run("14.1", text_seconds)

# %% [markdown]
# Now the clock: those two untrained networks, for outputs of 16 to 1,024 tokens. *The figure: where do the lines cross, with one output at a time, and with 64?* (For long outputs one call is timed in the middle of the text, and multiplied.)

# %% tags=["measure"]
# @title Seconds against the size of the output
CALLS = (10, 50)


def clock(run, repeats: int = 3) -> float:
    """The median time of a call, in seconds."""
    found = []
    for _ in range(repeats + 1):
        if course.device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        run()
        if course.device.type == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - started)
    return sorted(found[1:])[len(found[1:]) // 2]


@torch.inference_mode()
def timed(length: int, batch: int) -> dict[str, float]:
    """Seconds for a batch of outputs of this length, by each way."""
    half = torch.zeros(batch, length // 2, dtype=torch.long, device=course.device)
    cache = gpt.make_cache()
    gpt(half, cache)
    stands = cache.size

    def one_more():
        gpt(half[:, :1], cache)
        cache.keep(stands)  # as if it had not been

    side = 2 * math.isqrt(length)
    x = torch.zeros(batch, 1, side, side, device=course.device)
    t = torch.full((batch,), 0.5, device=course.device)
    call = clock(lambda: dits[length](x, t))
    return {
        "next token": length * clock(one_more, 9),
        "next token, no cache": length * clock(lambda: gpt(half)),
    } | {f"diffusion, {n} calls": n * call for n in CALLS}


def shown(batch: int) -> dict[str, tuple[list[int], list[float]]]:
    """Line by line: lengths and seconds an output."""
    lengths = [n for n in LENGTHS if n * batch <= 16_384]  # the rest takes too long here
    rows = [timed(n, batch) for n in lengths]
    return {name: (lengths, [row[name] / batch for row in rows]) for name in rows[0]}


maps = {batch: shown(batch) for batch in (1, sizes.batch)}

# %% tags=["measure"]
# @title The map
purple, orange, _ = plots.ACCENTS
STYLES = {  # a family a colour; dashed is the slower way
    "next token": {"marker": "o", "color": purple},
    "next token, no cache": {"marker": "o", "color": purple, "linestyle": "--"},
    "diffusion, 10 calls": {"marker": "o", "color": orange},
    "diffusion, 50 calls": {"marker": "o", "color": orange, "linestyle": "--"},
    "diffusion": {"marker": "o", "color": orange},
}
at = min(256, LENGTHS[-1])


def first(batch: int) -> str:
    """Who was sooner done with an output of 256 tokens, on this machine."""
    (lengths, ours), (_, ten) = maps[batch]["next token"], maps[batch]["diffusion, 10 calls"]
    sooner = ours[lengths.index(at)] < ten[lengths.index(at)]
    return "next token" if sooner else "ten calls of diffusion"


figure, axes = plots.panels(
    2,
    title=f"{at} tokens here: {first(1)} first alone, {first(sizes.batch)} first among {sizes.batch}",
    titles=[f"{batch} at a time" for batch in maps],
    size=(10.5, 4.4),
    alt="Two panels of rising lines on logarithmic axes. On a CPU: left, one output at a time, diffusion with ten "
    "calls lies below next token but for the shortest outputs. Right, 64 at a time, next token with a cache lies lowest.",
)
SHORT = {  # there is little room beside a panel
    "next token": "next token",
    "next token, no cache": "no cache",
    "diffusion, 10 calls": "10 calls",
    "diffusion, 50 calls": "50 calls",
}
for ax, (batch, lines) in zip(axes, maps.items(), strict=True):
    plots.curves(
        {SHORT[name]: line for name, line in lines.items()},
        xlabel="tokens in an output",
        ylabel="seconds an output" if batch == 1 else "",
        logx=True,
        logy=True,
        styles={SHORT[name]: STYLES[name] for name in lines},
        ax=ax,
    )
figure

# %% tags=["measure"]
# @title In numbers
for batch, lines in maps.items():
    print(f"{batch} at a time, milliseconds an output")
    for name, (lengths, found) in lines.items():
        print(
            f"  {name:22}"
            + "".join(f"{n:6}: {1000 * s:8.1f}" for n, s in zip(lengths, found, strict=True))
        )
    (lengths, ours), (_, ten) = lines["next token"], lines["diffusion, 10 calls"]
    level = measure.crossing(lengths, ours, ten)
    print(
        "  ten calls and next token are level at",
        "no size" if level is None else f"{level:.0f} tokens",
    )

# %% [markdown] tags=["exercise-text"]
# ### Exercise 14.2 - Where they cross (15 min, medium)
#
# Two ways were measured at a few sizes. At which size do they cost the same? Both axes of the map are logarithmic: draw straight lines between the points of *log cost* against *log size*, and find the first place where the two lines meet. Lines that never meet have no such place.
#
# <details><summary>Hint</summary>
#
# The logarithm of one cost over the other changes its sign there. Between two sizes it changes along a straight line of the log size.
#
# </details>


# %% tags=["exercise"]
def crossing(sizes: list[float], a: list[float], b: list[float]) -> float | None:
    """Return the smallest size at which both cost the same, or None.

    Args:
        sizes: at least one, rising, above 0.
        a, b: their costs, above 0.
    """
    # BEGIN SOLUTION
    gap = [math.log(y / x) for x, y in zip(a, b, strict=True)]
    for k in range(len(sizes)):
        if gap[k] == 0:
            return float(sizes[k])
        if k and gap[k - 1] * gap[k] < 0:
            share = gap[k - 1] / (gap[k - 1] - gap[k])
            return sizes[k - 1] * (sizes[k] / sizes[k - 1]) ** share
    return None
    # END SOLUTION


# %% tags=["check"]
checks.run("14.2", crossing)

# %% [markdown]
# Why does the order turn round? Count, for 256 tokens. Alone, next token reads all weights 256 times, for one token each. Diffusion reads them ten times, for 256 tokens each. In a crowd the reading is shared by 64 texts. What is left is arithmetic; and of that diffusion does several times as
# much, since each call does all tokens again.
#
# *How near does this machine come to its roof?* The last column is the time that was measured above, over the least that the roof allows.

# %% tags=["measure"]
# @title Operations and bytes of one output of 256 tokens, the limit that they meet here, and the clock
counts = {}
cuda = course.device.type == "cuda"  # the roof is the CPU's
for batch in (1, sizes.batch):
    for name, line in {"next token": "next token", "diffusion": "diffusion, 10 calls"}.items():
        cost, calls = (costs["next token"], at) if name == "next token" else (costs[at], 10)
        passes = [(1, k) for k in range(1, at + 1)] if name == "next token" else [(at, at)] * calls
        total = [
            sum(part) / batch for part in zip(*(cost.work(*p, batch) for p in passes), strict=True)
        ]
        counts[name, batch] = total
        least = sum(this.seconds(*cost.work(*p, batch)) for p in passes) / batch
        limit = "arithmetic" if total[0] / total[1] > this.ridge else "memory"
        lengths, found = maps[batch][line]
        slower = "" if cuda else f", clock {found[lengths.index(at)] / least:5.1f} x roof"
        print(
            f"{line:20} {batch:2} at a time: {total[0] / 1e9:5.2f} G operations, {total[1] / 1e6:7.1f} MB, "
            f"{total[0] / total[1]:6.1f} a byte: {limit}{slower}"
        )
more = counts["diffusion", 1][0] / counts["next token", 1][0]
less = counts["next token", 1][1] / counts["diffusion", 1][1]
claims.check("diffusion's operations over next token's, ten calls", more, ">", 5)
claims.check("alone: next token's bytes over diffusion's", less, ">", 10)

# %% [markdown]
# The roof says which limit is nearer, not the time. Networks this small wait for Python between their layers, and move activations that the count leaves out. And weights of five megabytes may stay in the processor's cache, where memory is no limit: then the clock can even beat the roof.

# %% [markdown]
# And on a large machine, with a large model? That can be *calculated*: a billion weights in bfloat16 on an NVIDIA H200, by its data sheet 989 trillion operations and 4.8 trillion bytes a second, so 206 operations a byte. The least times; no real program reaches them.
#
# Choose how many outputs are made side by side, and how many calls diffusion makes. **Guess:** alone, at how many tokens are ten calls and next token level?

# %% tags=["measure"]
# @title The map of a card, by calculation
BILLION = measure.Sizes(1e9, 24, 1856)  # next token
MODULATED = measure.Sizes(1e9, 24, 1536, once=1e9 / 3)  # diffusion
card = measure.CARDS["H200 SXM"]
GRID = (4, 16, 64, 256, 1024, 4096)


def calculated(machine: measure.Machine, calls: int, batch: int) -> dict[str, list[float]]:
    """Seconds an output for each size of the grid."""
    return {
        "next token": [
            measure.next_token_seconds(BILLION, machine, n, batch) / batch for n in GRID
        ],
        "diffusion": [
            measure.diffusion_seconds(MODULATED, machine, n, batch, calls=calls) / batch
            for n in GRID
        ],
    }


def show(batch=1, calls=10, machine="H200 SXM"):
    """The least seconds against the size of the output."""
    lines = calculated(measure.CARDS[machine], calls, batch)
    first = "diffusion" if lines["diffusion"][3] < lines["next token"][3] else "next token"
    return plots.curves(
        {name: (GRID, found) for name, found in lines.items()},
        title=f"{machine}, {batch} at a time, {calls} calls: at 256 tokens {first} is first",
        xlabel="tokens in an output",
        ylabel="least seconds an output",
        logx=True,
        logy=True,
        styles=STYLES,
        alt="Two rising lines on logarithmic axes: next token, and diffusion.",
    )


widgets.slider(
    show, batch=[1, 4, 16, 64, 256, 1024], calls=[1, 10, 50, 250, 1000], machine=list(measure.CARDS)
)

# %% tags=["measure"]
# @title The same without sliders
show(1, 10)

# %% tags=["measure"]
# @title Who is first for 256 tokens, and from which batch on?
alone, crowd = calculated(card, 10, 1), calculated(card, 10, 256)
print(
    f"alone: next token {1000 * alone['next token'][3]:.0f} ms, ten calls {1000 * alone['diffusion'][3]:.1f} ms"
)
print(
    f"256 at a time: next token {1000 * crowd['next token'][3]:.2f} ms, ten calls {1000 * crowd['diffusion'][3]:.2f} ms an output"
)
level = measure.crossing(GRID, alone["next token"], alone["diffusion"])
print(f"alone, ten calls and next token are level at {level:.1f} tokens")
claims.check(
    "card, alone: ten calls are level with next token at (tokens), off 10 by",
    abs(level - 10),
    "<",
    1,
)
turns = {}
for calls in (10, 50, 250, 1000):
    sooner = [
        batch
        for batch in range(1, 400)
        if measure.diffusion_seconds(MODULATED, card, 256, batch, calls=calls)
        > measure.next_token_seconds(BILLION, card, 256, batch)
    ]
    turns[calls] = sooner[0] if sooner else None
    print(f"{calls:4} calls: next token is first from {turns[calls]} at a time on")
claims.check(
    "card, alone, 256 tokens: next token over ten calls",
    alone["next token"][3] / alone["diffusion"][3],
    ">",
    10,
)
claims.check(
    "card, 256 at a time: ten calls over next token",
    crowd["diffusion"][3] / crowd["next token"][3],
    ">",
    1.5,
)
claims.check("card, ten calls: next token is first from this batch on", turns[10], ">", 5)
claims.check("card, 1,000 calls, alone: next token is first", turns[1000], "==", 1)
pessimist = measure.diffusion_seconds(BILLION, card, 256, 256, calls=10) / 256
print(f"without modulation 256 at a time would take {1000 * pessimist:.2f} ms an output")

# %% [markdown]
# Alone, as many tokens as calls are level: both wait for the same weights, once a call. Then the batch decides.
#
# **Where it ends.** *Slower* and *faster* are true for whoever serves many at once, and for hundreds of calls. For one reader with a long output it is the other way round. (Distilled to one call, or with guidance at two networks a call, the line moves by that factor. Caches, drafts and quantised weights move the other.)
#
# ## 5 · Conditioning
#
# > *Diffusion Models: Often conditioned on text prompts (CLIP embeddings) to guide image generation.*
# >
# > *LLMs: Natively text-based—input and output are both text, making conditioning more natural.*
#
# Each of the four is told something: the digit's label, or the hero of the story. *Is it obeyed?* The control is read against *another* label or hero. And for text: does it matter where the condition stands?

# %% tags=["measure"]
# @title Obeyed, by all four
rival = rivals.recorded()


def kept_digits(family: str, key: str) -> measure.Scatter:
    """Three trainings at equal operations."""
    return measure.Scatter.of(rival[family, seed][key] for seed in rivals.SEEDS)


for family in rivals.STEPS:
    asked, other = kept_digits(family, "asked"), kept_digits(family, "other")
    print(f"digit by {family:11} as asked {asked}, as the next label {other}")
texts = ways.said(sizes.texts, seed=21).to(course.device)
pronouns = torch.cat([ways.tokenizer().encode(word) for word in ("he", "she")]).to(course.device)
behind = torch.isin(texts, pronouns).int().argmax(1)  # where the pronoun stands
place = torch.isin(texts, hero_ids.to(course.device)).int().argmax(1)  # where the hero stands


@torch.no_grad()
def agrees(gap: Tensor, family: str) -> float:
    """One word of each text is hidden and drawn; the share of texts that are stories then."""
    generator = torch.Generator().manual_seed(0)
    if family == "diffusion":
        gaps = texts.scatter(1, gap[:, None], ways.MASK)
        filled = last(masked.sample(writers[family], gaps, generator=generator)).state
    else:
        begun = torch.cat([torch.full_like(texts[:, :1], ways.END), texts[:, :-1]], dim=1)
        probs = writers[family](begun).softmax(-1)[torch.arange(len(texts)), gap]
        filled = texts.scatter(
            1, gap[:, None], torch.multinomial(probs.cpu(), 1, generator=generator).to(gap.device)
        )
    return ways.is_text(filled).float().mean().item()


obeyed = {
    (family, where): agrees(gap, family)
    for family in writers
    for where, gap in (("before", behind), ("behind", place))
}
for (family, where), share in obeyed.items():
    print(f"text by {family:11} the condition stands {where}: {share:4.0%} (one training)")
claims.check(
    "digits by diffusion: as asked (worst of three)",
    kept_digits("diffusion", "asked").low,
    ">",
    0.8,
)
claims.check(
    "digits by next token: as asked (worst of three)",
    kept_digits("next token", "asked").low,
    ">",
    0.7,
)
claims.check(
    "control: as another label (best of six)",
    max(kept_digits(f, "other").high for f in rivals.STEPS),
    "<",
    0.1,
)
claims.check("next token, condition before the gap", obeyed["next token", "before"], ">", 0.95)
claims.check("control: condition behind it", obeyed["next token", "behind"], "<", 0.75)
claims.check("diffusion, condition behind the gap", obeyed["diffusion", "behind"], ">", 0.9)

# %% [markdown]
# (The hidden hero is drawn without knowing the pronoun, or even that the story goes on with *found*: *One* would do as well.)
#
# **Where it ends.** *Natively* is right: a prompt is nothing but words. But it must come *first*. A label, a caption or a visible word tells a diffusion model something about any place.
#
# ## 6 · Use cases
#
# > *Diffusion Models: Creative content generation—images, art, audio, video.*
# >
# > *LLMs: Language understanding and generation—text, code, reasoning, conversation.*
#
# At home and away, at equal weights and equal training. **Guess:** how far behind is the visitor?

# %% tags=["measure"]
# @title Home and away, over three trainings
text_right = {
    family: measure.Scatter.of(
        kept[way, 800, seed]["texts"][
            f"20 {'random' if family == 'diffusion' else 'left to right'}"
        ]["valid"]
        for seed in (0, 1, 2)
    )
    for family, way in WAY.items()
}
home = {
    "digits by diffusion": kept_digits("diffusion", "asked"),
    "digits by next token": kept_digits("next token", "asked"),
    "stories by diffusion": text_right["diffusion"],
    "stories by next token": text_right["next token"],
}
for name, scatter in home.items():
    print(f"{name:24} {scatter.mean:6.1%} ({scatter.low:.1%} to {scatter.high:.1%})")
print(
    f"distance of the digits by features: diffusion {kept_digits('diffusion', 'distance')}, ",
    end="",
)
print(f"next token {kept_digits('next token', 'distance')}")
plots.bars(
    {name: scatter.mean for name, scatter in home.items()},
    title="Each family is ahead at home, and can play away",
    xlabel="digits read as asked, stories that are right",
    form="{:.1%}",
    alt="Four bars, all above 0.75. Digits: diffusion is ahead. Stories: next token is ahead, by a little.",
)

# %% tags=["measure"]
# @title The claims
claims.check(
    "digits: diffusion ahead, worst of it over best of the other",
    home["digits by diffusion"].low - home["digits by next token"].high,
    ">",
    0.03,
)
claims.check(
    "stories: next token ahead, worst of it over best of the other",
    home["stories by next token"].low - home["stories by diffusion"].high,
    ">",
    0.005,
)
claims.check(
    "the visitors, worst of all",
    min(home["digits by next token"].low, home["stories by diffusion"].low),
    ">",
    0.7,
)

# %% [markdown]
# **Where it ends.** After three times the operations the pixel writer reads as well as the painter here does (lesson 13). The lead is one of *training at this budget*, and of calls: 10 for 256.
#
# ## 7 · Output interpretability
#
# > *Diffusion Models: Output is visual/auditory—easy for humans to evaluate subjectively.*
# >
# > *LLMs: Output is textual—can be evaluated for correctness, coherence, and factual accuracy.*
#
# A story is right or wrong by rule. A digit is read by a judge. Do both instruments tell a good generator from a bad one? Two fakes, one for each: *one story*, again and again; and *the average* of each digit, which nobody wrote.

# %% tags=["measure"]
# @title The same fakes for both instruments
judge = rivals.judge()
labels = torch.arange(sizes.digits) % 10
drawn = rivals.draw(painters["diffusion"], labels.to(course.device), seed=3).cpu()
average = torch.stack([real.train.images[real.train.labels == k].mean(0) for k in range(10)])
digits = {
    "real": (real.test.images, real.test.labels),
    "by diffusion": (drawn, labels),
    "fake: averages": (average[labels], labels),
}
told = ways.said(sizes.texts, seed=22)
written = ways.write(writers["next token"], "left to right", sizes.texts, seed=3).cpu()
stories = {
    "real": told,
    "by next token": written,
    "fake: one story": told[:1].expand(sizes.texts, -1),
}
single, spread = {}, {}
for name, (images, asked) in digits.items():
    single["digits", name] = judge.accuracy(images, asked)
    spread["digits", name] = judge.diversity(images, asked)
    print(
        f"digits, {name:16} read {single['digits', name]:4.0%}, variety in a class {spread['digits', name]:5.1f}"
    )
for name, found in stories.items():
    single["stories", name] = ways.is_text(found).float().mean().item()
    spread["stories", name] = len({tuple(row) for row in found.tolist()}) / len(found)
    print(
        f"stories, {name:15} right {single['stories', name]:4.0%}, different texts {spread['stories', name]:4.0%}"
    )
claims.check("averages: read as digits", single["digits", "fake: averages"], ">", 0.9)
claims.check("averages: variety in a class", spread["digits", "fake: averages"], "<", 1e-3)
claims.check("one story: right", single["stories", "fake: one story"], "==", 1.0)
claims.check("one story: different texts", spread["stories", "fake: one story"], "<", 0.02)
claims.check(
    "by diffusion: variety over that of real digits",
    spread["digits", "by diffusion"] / spread["digits", "real"],
    ">",
    0.7,
)
claims.check(
    "by next token: different texts over those of real stories",
    spread["stories", "by next token"] / spread["stories", "real"],
    ">",
    0.9,
)

# %% [markdown]
# **Where it ends.** One text can be marked without an eye, and one picture too, if a judge can be trained. But no mark of single outputs knows a generator. For that both families need the same thing: many outputs, compared with many real ones.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 14.3 - A row of your own (20 min, a build)
#
# Every row above was made the same way. Write it once: `make(seed)` trains or draws something, `control(seed)` does it without what matters, `instrument(result)` gives a number. Run both on each of the named seeds, once a seed: a run may take minutes.
#
# Return a dict: `mean`, `low` and `high` of ours, the mean of the `control`, and `apart`: the gap of the two means, in **scatters**. A scatter is the larger of the two standard deviations over seeds (a sample's: divided by $n-1$). Where nothing scatters, different means are infinitely far apart, equal ones not at all.
#
# <details><summary>Hint</summary>
#
# `statistics.stdev` divides by $n-1$, `statistics.pstdev` by $n$.
#
# </details>


# %% tags=["exercise"]
def bench_row(make, control, instrument, seeds) -> dict[str, float]:
    """Return mean, low, high, control and apart.

    Args:
        make: make(seed) -> a result.
        control: control(seed) -> a result without what matters.
        instrument: instrument(result) -> a number.
        seeds: at least two, named beforehand.
    """
    # BEGIN SOLUTION
    ours = torch.tensor([float(instrument(make(seed))) for seed in seeds]).double()
    theirs = torch.tensor([float(instrument(control(seed))) for seed in seeds]).double()
    gap = (ours.mean() - theirs.mean()).abs().item()
    scatter = max(ours.std(), theirs.std()).item()
    return {
        "mean": ours.mean().item(),
        "low": ours.min().item(),
        "high": ours.max().item(),
        "control": theirs.mean().item(),
        "apart": gap / scatter if scatter else (math.inf if gap else 0.0),
    }
    # END SOLUTION


# %% tags=["check"]
checks.run("14.3", bench_row)

# %% [markdown]
# Then make a row that is not on this page. For example: does the pixel writer's temperature change how well digits are read? `make` draws at temperature 0.8, `control` at 1; the instrument is the judge.
#
# ## All of it on one wall
#
# Sixteen lessons made claims. Here are all, with the number that the built notebook has, or that of *this machine* where you ran the lesson. `make poster` saves it as a large page for a wall.

# %% tags=["measure"]
# @title The scoreboard
board = scoreboard.gather()
poster.draw(board)

# %% tags=["measure"]
# @title As a table
board

# %% tags=["measure"]
# @title Does every lesson stand here, and does the board say what is missing?
wanted = [f"{number:02}" for number in range(16)]
claims.check(
    "lessons with claims on the board",
    [r.lesson for r in board.rows if r.places] == wanted,
    "==",
    True,
)
try:
    board.require_complete()
    print("complete: all of it was measured on this machine")
except ValueError as missing:
    print(f"{str(missing)[:200]} ...")

# %% [markdown]
# ## What was measured
#
# The bench, a row for each difference: the number, its control, and the range over seeds where there are several.


# %% tags=["measure"]
# @title The seven rows: number, control, range over seeds, and where it ends
def over_noise(sigma: float) -> measure.Scatter:
    """Ids that survive, with three seeds of noise."""
    found = []
    for seed in (0, 1, 2):
        torch.manual_seed(seed)
        found.append(survives(ids, sigma))
    return measure.Scatter.of(found)


def cell(value) -> str:
    """A share as per cent, with its range if it was measured more than once."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value.mean:.3g} ({value.low:.3g} to {value.high:.3g})"


pictures, two = ("pictures", "diffusion"), ("text", "diffusion")
asked, other = (kept_digits("diffusion", key) for key in ("asked", "other"))
bench = [
    ("1 domain: ids alive, sigma 0.3", over_noise(0.3), "as ones among zeros", kept_words[SIGMAS.index(0.3)]),
    ("2 process: revised after half, pictures", revised[pictures], "text by diffusion", revised[two]),
    ("3 objective: above the best, ring", above["ring, by diffusion"], "no noise is said", 1 / mean_error(best) - 1),
    ("3 objective: above the best, stories", above["stories, next token"], "a uniform guess", uniform),
    ("4 latency: ten calls / next, card, alone", alone["diffusion"][3] / alone["next token"][3],
     "256 at a time", crowd["diffusion"][3] / crowd["next token"][3]),
    ("5 conditioning: digits read as asked", asked, "as another label", other),
    ("5 conditioning: next token, said before", obeyed["next token", "before"], "said behind", obeyed["next token", "behind"]),
    ("6 use: digits, diffusion", home["digits by diffusion"], "next token", home["digits by next token"]),
    ("6 use: stories, next token", home["stories by next token"], "diffusion", home["stories by diffusion"]),
    ("7 evaluation: averages read as digits", single["digits", "fake: averages"], "real digits", single["digits", "real"]),
]  # fmt: skip
print(f"{'':42}{'number':30}{'control':21}of the control")
for name, value, control, other_value in bench:
    print(f"{name:42}{cell(value):30}{control:21}{cell(other_value)}")
claims.check(
    "rows of the bench: differences that have one", len({row[0][0] for row in bench}), "==", 7
)

# %% [markdown]
# | difference | what was found | where it ends |
# |---|---|---|
# | data domain | ids die in noise that leaves digits legible | words as ones among zeros live; pixels can be tokens |
# | generation process | Gaussian diffusion revises; the other three never | text by diffusion is as final as any |
# | training objective | ring and stories end a few per cent above their floor, or less | all guess what was taken away |
# | latency | by calculation: alone ten calls are first, among 256 next token is | it turns with batch, calls and size |
# | conditioning | all obey; next token what stands before | diffusion hears from any place |
# | use | each ahead at home | the lead shrinks with training |
# | interpretability | single marks pass fakes, in both | both need many outputs |
#
# **Verdict on the seven differences: six are about what each family is *usually* given, and how. One stays when everything else is equal: diffusion does all places at once and again; next token does each place once. From that come latency, revising, and where a condition may stand.**

# %% tags=["measure"]
# @title All claims of this lesson
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts
claims.verdicts()

# %% [markdown]
# ## Papers
#
# - Williams, Waterman & Patterson 2009, *Roofline: an insightful visual performance model for multicore architectures*, Communications of the ACM 52 (4).
# - Pope et al. 2022, *Efficiently scaling transformer inference*, arXiv:2211.05102: when memory is the limit, and when arithmetic.
# - Kaplan et al. 2020, *Scaling laws for neural language models*, arXiv:2001.08361: operations of a step, table 1.
# - Peebles & Xie 2023, *Scalable diffusion models with transformers*, arXiv:2212.09748.
# - Li et al. 2022, *Diffusion-LM improves controllable text generation*, arXiv:2205.14217: Gaussian noise on embeddings of words.
# - NVIDIA, *H200 tensor core GPU* and *A100 tensor core GPU*, data sheets.
