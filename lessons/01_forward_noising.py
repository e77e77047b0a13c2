# %% [markdown]
# # 01 · Forward noising
#
# **What happens to data when Gaussian noise is added again and again?**
#
# After this lesson you can
#
# - write one noising step, and say why it shrinks the data before it adds noise;
# - jump from clean data to any noise level in one line, on any schedule;
# - compare schedules by the one number that matters, the signal-to-noise ratio, and say when data is lost, and to whom.
#
# *25 minutes to read, 40 more for the exercises, about 30 seconds to run on two cores. Needs no earlier lesson. The quoted claims are from
# [the article](../docs/article.md) that this course tests. Each exercise is solved in [the answer booklet](answers/01_forward_noising.ipynb).*

# %% [markdown]
# Run this cell first.

# %% tags=["setup"]
import torch
from torch import Tensor

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("01", seed=0)
claims = Claims("01")
sizes = course.sizes(
    cpu=dict(side=16, num_points=200_000, judge_steps=600),
    gpu=dict(side=28, num_points=400_000, judge_steps=1000),
)

# %% [markdown]
# ## The claim
#
# The article says of diffusion models:
#
# > *The model learns by adding Gaussian noise to real data (images, audio) over many steps until only pure noise remains.*
#
# Why destroy data on purpose? Each noisy copy is a training example: later a model learns to undo the noise (lesson 02).
#
# Two parts of the sentence can be measured. Are *many steps* needed? Is what remains *pure* noise? And on the way there, when is a digit lost?

# %% [markdown]
# ## One step
#
# *What does one step do?* It makes the data a little smaller and adds a little noise:
#
# $$x_i = \sqrt{1-\beta_i}\;x_{i-1} + \sqrt{\beta_i}\;z_i, \qquad z_i \sim \mathcal N(0, 1)$$
#
# $x_0$ is the data. $\beta_i$ (beta) is the **variance** of the noise in step $i$, and $z_i$ is a fresh standard normal number for each pixel.


# %%
def noise_step(x: Tensor, beta: Tensor, z: Tensor) -> Tensor:
    return (1 - beta).sqrt() * x + beta.sqrt() * z


# %% [markdown]
# We take 200 steps. The first adds next to nothing; the last replaces a tenth of the variance.

# %%
num_steps = 200
betas = torch.linspace(0.0005, 0.1, num_steps)
generator = torch.Generator().manual_seed(course.seed)


def walk(x: Tensor):
    """Yield the data after step 1, 2, ..., 200."""
    for beta in betas:
        x = noise_step(x, beta, torch.randn(x.shape, generator=generator))
        yield x


# %% [markdown]
# Here is a handwritten digit, with pixels from -1 (black) to 1 (white). **Guess first:** after how many of the 200 steps can you no longer read
# it?

# %%
from course_utils import data

digits = data.load_digits(size=sizes.side)
digit = digits.test.images[:1]
noisy_digits = list(walk(digit))

# %% [markdown]
# *The figure: find the last one that you can read. (Black is shown as dark grey: noise goes below -1, so the scale does too.)*

# %% tags=["measure"]
# @title The digit after 1 to 200 steps
shown = [1, 20, 40, 60, 80, 100, 140, 200]
plots.image_row(
    torch.cat([noisy_digits[i - 1] for i in shown]),
    titles=[f"step {i}" for i in shown],
    limits=(-2, 2),
    title="One digit after 1 to 200 steps",
    alt="Eight copies of one digit. After step 1 it is clean; by step 60 it is hard to see; the last "
    "three are grey static.",
)

# %% [markdown]
# ### Why make the data smaller?
#
# Eyes do not measure well. So we take data of which everything is known: points in the plane, in eight small clusters on a ring. Each coordinate has
# variance 1.
#
# *The figure: the same points at four moments. Which does the noise blur first, the clusters or the ring?*

# %% tags=["measure"]
# @title The ring after 0, 20, 60 and 200 steps
points = data.ring(sizes.num_points, generator=generator)
clouds = [points[:3000], *walk(points[:3000])]  # clouds[i] is what is left after i steps
plots.scatter(
    {
        f"after {i} steps": {"noisy" if i else "clean": clouds[i]}  # one colour for one thing
        for i in (0, 20, 60, 200)
    },
    dot=2,
    limit=4,
    title="The same points at four moments",
    alt="Four panels. First eight blue clusters on a circle. Then, in orange, the clusters have run "
    "into a ring, then into a disc, at last into a round cloud, dense in the middle.",
)

# %% [markdown]
# The clusters melt first, then the ring; what is left is one round cloud of the same size. For variances of independent things add: if $x_{i-1}$
# has variance 1, then $x_i$ has variance $(1-\beta_i)\cdot 1 + \beta_i = 1$. That is what the factor $\sqrt{1-\beta_i}$ is for. The control leaves it
# out.
#
# **Guess first:** how large is the **spread** (standard deviation) of the control after 200 steps? The betas add up to about 10.

# %% tags=["measure"]
# @title The spread of the points, with and without shrinking
kept = [x.std() for x in walk(points)]

grown, x = [], points
for beta in betas:
    x = x + beta.sqrt() * torch.randn(x.shape, generator=generator)  # noise only
    grown.append(x.std())

claims.check("200 steps keep the spread of the data at one", kept[-1], "within", (0.99, 1.01))
claims.check("control: noise only added, the spread grows", grown[-1], ">", 3.2)
steps = range(1, num_steps + 1)
plots.curves(
    {"noisy, data made smaller": (steps, kept), "control: noise only added": (steps, grown)},
    xlabel="step",
    ylabel="standard deviation",
    title="Shrinking keeps the size of the data; without it the cloud grows more than threefold",
    alt="Standard deviation against the step. One line stays at 1. The grey line of the control "
    "climbs from 1 to above 3.",
)

# %% [markdown]
# The control starts with variance 1 and gains about 10 more, so its spread ends near $\sqrt{1+10} \approx 3.3$.

# %% [markdown]
# ### Exercise 01.1 - Data of another size (5 min, easy)
#
# Not all data has variance 1. Say it has variance $v$. What is its variance after each of the steps?
#
# <details><summary>Hint</summary>
#
# Follow one step: the old variance is multiplied by something, then something is added. Then repeat. A loop is fine.
#
# </details>


# %% tags=["exercise"]
def variance_after(variance: Tensor, betas: Tensor) -> Tensor:
    """Return the variance of noised data after each step.

    Args:
        variance: () variance of the clean data, 0 or more.
        betas: (N,) variance of the noise in each step.

    Returns:
        (N,) variance after steps 1 ... N.
    """
    # BEGIN SOLUTION
    after = []
    for beta in betas:
        variance = (1 - beta) * variance + beta
        after.append(variance)
    return torch.stack(after)
    # END SOLUTION


# %% tags=["check"]
checks.run("01.1", variance_after)

# %% [markdown]
# ## Are many steps needed?
#
# *Can we skip the way?* Put two steps into each other. The data has been multiplied by $\sqrt{1-\beta_1}\sqrt{1-\beta_2}$. The two noises are Gaussian
# and independent, so their sum is Gaussian too, with variance
#
# $$(1-\beta_2)\,\beta_1 + \beta_2 = 1 - (1-\beta_1)(1-\beta_2).$$
#
# The same holds for any number of steps:
#
# $$x_i = \sqrt{\bar\alpha_i}\;x_0 + \sqrt{1-\bar\alpha_i}\;\varepsilon, \qquad \bar\alpha_i = \prod_{j=1}^{i} (1-\beta_j)$$
#
# $\bar\alpha_i$ (alpha bar) is the share of the variance that is still data, if the data has variance 1. $\varepsilon$ (eps) is one draw of noise that
# stands for all draws up to $i$.
#
# By hand: $\beta = 0.1$ twice gives $\bar\alpha_2 = 0.9 \cdot 0.9 = 0.81$. The data keeps the factor $\sqrt{0.81} = 0.9$; the noise has variance 0.19.

# %%
alpha_bar = torch.cumprod(1 - betas, 0)


def one_jump(x0: Tensor, i: int) -> Tensor:
    """The data after i steps, without taking them."""
    eps = torch.randn(x0.shape, generator=generator)
    return alpha_bar[i - 1].sqrt() * x0 + (1 - alpha_bar[i - 1]).sqrt() * eps


# %% [markdown]
# No loop. The proof is the sum of two Gaussians above. We test the code, in three runs: at every step walk and jump
# must have the same **spread**, and a **correlation** with the clean data that falls as $\sqrt{\bar\alpha_i}$, because the data has variance 1. The control is a
# common slip, without the roots.
#
# *The figure: the first run. Do walk and jump part anywhere?*

# %% tags=["measure"]
# @title Walk, jump and slip: spread and correlation at every step, in three runs
from course_utils import measure


def compared(seed: int) -> Tensor:
    """(5, 200): spread of walk, jump and slip; correlation of walk and jump with the data."""
    generator.manual_seed(seed)
    x0 = data.ring(sizes.num_points, generator=generator)
    rows = []
    for i, walked in enumerate(walk(x0), start=1):
        jumped = one_jump(x0, i)
        slip = alpha_bar[i - 1] * x0 + (1 - alpha_bar[i - 1]) * torch.randn_like(x0)
        spread = [float(x.std()) for x in (walked, jumped, slip)]
        rows.append(spread + [measure.correlation(x, x0) for x in (walked, jumped)])
    return torch.tensor(rows).T


runs = torch.stack([compared(course.seed + k) for k in range(3)])  # (3 runs, 5, 200)
walked, jumped, slip, walk_keeps, jump_keeps = runs.unbind(1)  # (3, 200) each
plots.curves(
    {
        "noisy, 200 steps": (steps, walk_keeps[0]),
        "noisy, one jump": (steps, jump_keeps[0]),
        "reference: root of alpha bar": (steps, alpha_bar.sqrt()),
    },
    styles={"noisy, one jump": {"linestyle": "", "marker": "o", "markevery": 8}},
    xlabel="step",
    ylabel="correlation with the clean data",
    title="Walking and jumping lose the data at the same rate",
    alt="A line that falls from 1 to 0 in an S. The dots of the jump and the dashed line of the "
    "formula lie on it.",
)

# %% tags=["measure"]
# @title How far walk and jump are apart, at the worst of 200 steps
apart = (jumped / walked - 1).abs().amax(1)  # (3,) the worst step of each run
claims.check("walk and jump have the same spread at every step, three runs", apart.max(), "<", 0.01)
slipped = (slip / walked - 1).abs().amax(1)
claims.check("control: without square roots they have not", slipped.min(), ">", 0.2)
gap = (torch.cat([walk_keeps, jump_keeps]) - alpha_bar.sqrt()).abs().max()
claims.check("in both, correlation with the data falls as the formula says", gap, "<", 0.01)

# %% [markdown]
# The difference is chance: at one step the spread strays by about 0.1 %, and this is the worst of 200 steps in three runs.
#
# So steps *define* the noise, and one jump *makes* it. Training uses the jump. One thing is lost, the way: two jumps with fresh noise know nothing of
# each other. Exercise 01.2 mends that.

# %% [markdown]
# ## Time without steps
#
# *If steps do not matter, why count them?* Let their number $N$ go to infinity and each $\beta_i$ to zero, with $\beta(t) = N\beta_i$ at
# $t = i/N$. For a small beta, $\log(1-\beta_i) \approx -\beta_i$. So the product of all $1-\beta_i$ becomes $e^{-\sum\beta_i}$, the sum an
# integral, and $\bar\alpha_i$ a smooth curve over the **time** $t$, from 0 (data) to 1 (noise):
#
# $$x_t = \alpha(t)\,x_0 + \sigma(t)\,\varepsilon, \qquad \alpha(t) = \sqrt{\bar\alpha} = e^{-\frac12\int_0^t \beta}, \qquad \sigma(t) = \sqrt{1-\alpha(t)^2}$$
#
# $\alpha$ is the factor of the data, $\sigma$ that of the noise. Such a pair of curves is a **schedule**. (Papers often write $\alpha_i$ for $1-\beta_i$; here
# $\alpha$ is always the factor.)
#
# Our betas, times 200, rise from 0.1 to 20. The integral of that line is $0.1\,t + \tfrac12\,19.9\,t^2$. The whole schedule:


# %%
class Linear:
    def alpha(self, t: Tensor) -> Tensor:
        return (-0.5 * (0.1 * t + 0.5 * 19.9 * t**2)).exp()

    def sigma(self, t: Tensor) -> Tensor:
        return (1 - self.alpha(t) ** 2).sqrt()


# %% [markdown]
# And the jump for any schedule. Each example of a batch has a time of its own, so its two factors get as many axes as the data.


# %%
def jump(x0: Tensor, t: Tensor, eps: Tensor, schedule) -> Tensor:
    shape = (-1,) + (1,) * (x0.ndim - 1)  # (B, 1, 1, 1) for images
    alpha, sigma = schedule.alpha(t).view(shape), schedule.sigma(t).view(shape)
    return alpha * x0 + sigma * eps


# %% [markdown]
# The package calls them `LinearBeta` and `add_noise`. `add_noise(x0, t, schedule)` draws the noise itself and returns `x_t, eps`. Does it make the
# same $x_t$, at 64 times from 0 to 1?

# %% tags=["measure"]
# @title Page and package at 64 times
from course_utils.diffusion import LinearBeta, add_noise

images = digits.test.images[:64].double()
times = torch.linspace(0, 1, 64).double()
x_t, eps = add_noise(images, times, LinearBeta(), generator=generator)
gap = (jump(images, times, eps, Linear()) - x_t).abs().max()
claims.check("Linear and jump are the package's (largest difference)", gap, "<", 1e-6)

# %% [markdown]
# Three schedules are common:
#
# | schedule | $\alpha(t)$ | $\sigma(t)$ | idea |
# |---|---|---|---|
# | `LinearBeta` | as above | $\sqrt{1-\alpha^2}$ | that of DDPM, the *denoising diffusion probabilistic model* |
# | `Cosine` | about $\cos(\tfrac{\pi}{2}t)$ | $\sqrt{1-\alpha^2}$ | fade evenly |
# | `Flow` | $1-t$ | $t$ | a straight line from data to noise |
#
# The first two keep the variance: $\alpha^2+\sigma^2=1$. `Flow` gives that up: in the middle its $x_t$ has a variance below 1.
#
# *The figure: which schedule spends most of its time on images that are almost noise?*

# %% tags=["measure"]
# @title Three schedules: the factors of data and noise
from course_utils.diffusion import Cosine, Flow

schedules = {"linear": LinearBeta(), "cosine": Cosine(), "flow": Flow()}
t = torch.linspace(0, 1, 201)
figure, (left, right) = plots.panels(
    2,
    title="From t = 0.6 on linear keeps a factor below 0.2; cosine and flow get there later",
    titles=["alpha(t): data", "sigma(t): noise"],
    alt="Two panels. On the left alpha falls from 1 to 0, on the right sigma rises from 0 to 1. "
    "Linear has done most of it by t = 0.6; flow is a straight line.",
)
plots.curves({name: (t, s.alpha(t)) for name, s in schedules.items()}, xlabel="t", ax=left)
plots.curves({name: (t, s.sigma(t)) for name, s in schedules.items()}, xlabel="t", ax=right)
figure

# %% [markdown]
# ### Exercise 01.2 - From noisy to noisier (20 min, the core of this lesson)
#
# You have $x_s$, noised to time $s$; the clean data is gone. Make $x_t$ for a later time $t \ge s$, on **any** schedule. It must look as if the same
# clean data had been noised to time $t$ at once.
#
# <details><summary>Hint 1: the data</summary>
#
# In $x_s$ the data has the factor $\alpha(s)$. By what must you multiply $x_s$ so that the data has the factor $\alpha(t)$?
#
# </details>
#
# <details><summary>Hint 2: the noise</summary>
#
# That factor acts on the noise in $x_s$ too. What is its variance then? What must be added to reach $\sigma(t)^2$? If $s$ and $t$ are nearly equal, you
# subtract two nearly equal squares. Rounding can put the result just below 0, where the root is `nan`; `clamp(min=0)` prevents it.
#
# </details>


# %% tags=["exercise"]
def noisier(x_s: Tensor, s: Tensor, t: Tensor, eps: Tensor, schedule) -> Tensor:
    """Return x_t, made from x_s.

    Args:
        x_s: (B, ...) data that was noised to time s.
        s: (B,) the time of each example.
        t: (B,) a later time for each example, s <= t < 1.
        eps: (B, ...) fresh standard normal noise.
        schedule: has alpha(t) and sigma(t), each (B,) -> (B,).

    Returns:
        (B, ...) the same data at time t.
    """
    # BEGIN SOLUTION
    shape = (-1,) + (1,) * (x_s.ndim - 1)
    ratio = schedule.alpha(t) / schedule.alpha(s)
    missing = schedule.sigma(t) ** 2 - (ratio * schedule.sigma(s)) ** 2
    return ratio.view(shape) * x_s + missing.sqrt().view(shape) * eps
    # END SOLUTION


# %% tags=["check"]
checks.run("01.2", noisier)

# %% [markdown]
# ## When is a digit lost?
#
# *Who decides?* A **judge**, a small network that reads digits. The **clean judge** has seen clean digits only. The **noise judge** has been
# trained on digits at random noise levels. They are of one size, start from the same weights, and see the same digits in the same order.

# %% tags=["measure"]
# @title Train both judges
from course_utils import training


def loss_in_noise(judge, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Like `measure.classification_loss`, with each image at a random noise level."""
    images, labels = batch
    t = torch.rand(len(images), device=images.device)
    x_t, _ = add_noise(images, t, Cosine())
    return measure.classification_loss(judge, (x_t, labels))


train, test = (
    [tensor.to(course.device) for tensor in part] for part in (digits.train, digits.test)
)


def trained_judge(name: str, loss_fn) -> measure.Judge:
    torch.manual_seed(course.seed)
    judge = measure.Judge(sizes.side).to(course.device)
    training.fit(
        judge,
        data.Batches(*train, batch_size=64, seed=course.seed),
        loss_fn,
        num_steps=sizes.judge_steps,
        optimizer=training.adamw(judge, 3e-3),
        checkpoint=course.checkpoint(name),
    )
    return judge


clean_judge = trained_judge("judge", measure.classification_loss)
noise_judge = trained_judge("noise_judge", loss_in_noise)
for name, judge in (("clean", clean_judge), ("noise", noise_judge)):
    print(f"{name} judge: reads {judge.accuracy(*test):.1%} of the clean digits")
images, labels = (tensor.repeat_interleave(2, dim=0) for tensor in test)  # each twice
moments = torch.linspace(0.02, 0.98, 25)

# %% [markdown]
# Both read the digits of the test part, each twice, at 25 moments. At what *time* is a digit lost? That depends on the schedule. A better axis is the
# **signal-to-noise ratio** (SNR), $\alpha^2/\sigma^2$. We take its natural logarithm; the unit is the **nat**. At 0 nats data and noise have equal factors;
# one nat less means $e \approx 2.7$ times more variance of noise for the same data.
#
# First the noise judge alone. **Guess first:** on the left it reads digits on three schedules, over time. How will the same numbers lie over the log SNR?
# (To the right there is more noise, in both.)


# %% tags=["measure"]
# @title The noise judge on three schedules, over time and over log SNR
def share_read(judge, t: float, schedule) -> float:
    """The images at time t, given the size that the noise judge knows, whatever the schedule."""
    alpha, sigma = schedule.level(t)
    x_t, _ = add_noise(images, t, schedule, generator=generator)
    return judge.accuracy(x_t / (alpha**2 + sigma**2) ** 0.5, labels)


read = {
    name: torch.tensor([share_read(noise_judge, t, s) for t in moments.tolist()])
    for name, s in schedules.items()
}
read_by_clean = torch.tensor([share_read(clean_judge, t, Cosine()) for t in moments.tolist()])


def where_half(axis: Tensor, values: Tensor) -> float:
    """The place on the axis where falling values first cross one half, between two points."""
    after = int((values < 0.5).nonzero()[0])
    a, b = values[after - 1], values[after]
    return float(axis[after - 1] + (a - 0.5) / (a - b) * (axis[after] - axis[after - 1]))


# %% tags=["measure"]
# @title Over time, and over log SNR
figure, (left, right) = plots.panels(
    2,
    title="Over time three curves; over the signal-to-noise ratio one",
    alt="The share of digits that are read. On the left, against time, linear falls first, flow next, "
    "cosine last. On the right, against log SNR from 6 to -8, the three curves lie on each other.",
)
plots.curves(
    {name: (moments, read[name]) for name in schedules},
    xlabel="t",
    ylabel="share of digits read",
    references={"chance": 0.1},
    ax=left,
)
plots.curves(
    {name: (s.log_snr(moments), read[name]) for name, s in schedules.items()},
    xlabel="log SNR, in nats",
    references={"chance": 0.1},
    ax=right,
)
right.set_xlim(6, -8)
figure

# %% tags=["measure"]
# @title Where half of the digits are lost
half_time = {name: where_half(moments, read[name]) for name in schedules}
half_snr = {name: where_half(s.log_snr(moments), read[name]) for name, s in schedules.items()}
for name in schedules:
    print(f"{name:7} half read at t = {half_time[name]:.2f}, log SNR = {half_snr[name]:.2f}")
print(f"on linear that is step {num_steps * half_time['linear']:.0f} of {num_steps}")
nats_apart, time_apart = (max(h.values()) - min(h.values()) for h in (half_snr, half_time))
claims.check("check of the code: at equal SNR equally legible (nats apart)", nats_apart, "<", 0.3)
claims.check("control: at equal time they are not (share of time apart)", time_apart, ">", 0.15)

# %% [markdown]
# What was your guess at the top of the page? This judge loses every second digit near the middle of the walk.
#
# That the curves meet must be so, whatever the data is. Divide by $\alpha$: $x_t/\alpha = x_0 + (\sigma/\alpha)\,\varepsilon$. Only the ratio is left. So it is a check
# of our code, and it says what a schedule is: it decides **how often each ratio is trained**, and with which ratios training begins and ends.

# %% [markdown]
# ### Exercise 01.3 - The same noise on another schedule (15 min, medium)
#
# A judge fails at time $t$ on one schedule. At which time does another schedule have the same signal-to-noise ratio? Find it for any pair of schedules, to
# three digits. You know nothing of their formulas, but `log_snr` falls all the way. At $t = 0$ and $t = 1$ it can be
# infinite, so do not compute with it there.
#
# <details><summary>Hint</summary>
#
# Halve an interval. Start with 0 and 1. If the middle is still too clean, the time lies in the later half. `torch.where` does it for a whole batch
# at once; twenty halvings are enough.
#
# </details>


# %% tags=["exercise"]
def same_noise(t: Tensor, schedule, other) -> Tensor:
    """Return the times at which `other` has the SNR that `schedule` has at t.

    Args:
        t: (B,) times on `schedule`, between 0 and 1; `other` has their SNR somewhere, too.
        schedule: has alpha(t), sigma(t) and log_snr(t), each (B,) -> (B,).
        other: the schedule to find the times on.

    Returns:
        (B,) times on `other`.
    """
    # BEGIN SOLUTION
    wanted = schedule.log_snr(t)
    low, high = torch.zeros_like(t), torch.ones_like(t)
    for _ in range(20):
        middle = (low + high) / 2
        too_clean = other.log_snr(middle) > wanted
        low = torch.where(too_clean, middle, low)
        high = torch.where(too_clean, high, middle)
    return (low + high) / 2
    # END SOLUTION


# %% tags=["check"]
checks.run("01.3", same_noise)

# %% [markdown]
# ### Lost to whom?
#
# **Guess first:** where the clean judge reads half of the digits, how many does the noise judge read? (Both on the cosine schedule.)

# %% tags=["measure"]
# @title Two judges on the same digits
log_snr = Cosine().log_snr(moments)
figure = plots.curves(
    {"noise judge": (log_snr, read["cosine"]), "clean judge": (log_snr, read_by_clean)},
    styles={"noise judge": {"color": plots.MODEL}, "clean judge": {"color": plots.CONTROL}},
    xlabel="log SNR, in nats",
    ylabel="share of digits read",
    references={"chance": 0.1},
    title="Where the clean judge reads half, the noise judge still reads most",
    alt="Two falling curves against log SNR from 6 to -8. The noise judge holds on for more than a nat "
    "longer.",
)
figure.axes[0].set_xlim(6, -8)
figure

# %% tags=["measure"]
# @title How much longer the noise judge reads
half_clean = where_half(log_snr, read_by_clean)
nearest = int((log_snr - half_clean).abs().argmin())
print(f"half read: clean judge at log SNR {half_clean:.2f}, noise judge {half_snr['cosine']:.2f}")
share, longer = read["cosine"][nearest], half_clean - half_snr["cosine"]
claims.check("where the clean judge reads half, the noise judge reads most", share, ">", 0.75)
claims.check("the noise judge reads on for longer (nats)", longer, ">", 1.0)
claims.check("and is nearly as good on clean digits", noise_judge.accuracy(*test), ">", 0.9)

# %% [markdown]
# So *lost* is a word about data **and reader**. A reader that fails has shown what it cannot do, not what is gone.

# %% [markdown]
# ## Heard, not only seen
#
# *And audio?* The noise does not care what the data is. Here are two seconds of a melody, noised by the same
# function. Listen: until where do you hear the tune?

# %% tags=["measure"]
# @title A melody at three times
from IPython.display import Audio, display

melody = data.melody()[None]
for time in (0.0, 0.15, 0.4):
    x_t, _ = add_noise(melody / melody.std(), time, LinearBeta(), generator=generator)
    print(f"t = {time}, log SNR = {float(LinearBeta().log_snr(time)):.1f}")
    display(Audio(x_t[0].numpy(), rate=data.SAMPLE_RATE))

# %% [markdown]
# Does a tone outlast a digit? To be fair, there are ten tones; a tone has **as many samples as a digit has pixels**, and the same variance. The listener
# compares what it hears with each of the ten, at any phase, and names the best match. We also let the tones last sixteen times longer.
#
# **Guess first:** how many nats of noise more does that buy?

# %% tags=["measure"]
# @title A listener of ten tones beside the judge of ten digits
pitches = 440 * 2 ** (torch.arange(10) / 6)  # hertz, each a whole tone above the last
height = (2 * digits.test.images.var()).sqrt()  # a sine of this height varies as digits do


def share_heard(num_samples: int, log_snr: Tensor, tries: int = 1500) -> float:
    """The share of tones that are named right, if alpha^2 + sigma^2 = 1."""
    turns = pitches[:, None] * torch.arange(num_samples) / data.SAMPLE_RATE
    which = torch.randint(10, (tries,), generator=generator)
    phase = torch.rand(tries, 1, generator=generator)
    tone = height * (2 * torch.pi * (turns[which] + phase)).sin()
    eps = torch.randn(tone.shape, generator=generator)
    noisy = log_snr.sigmoid().sqrt() * tone + (-log_snr).sigmoid().sqrt() * eps
    arrows = torch.exp(-2j * torch.pi * turns)  # the length of a sum of these forgets the phase
    return ((noisy.to(arrows.dtype) @ arrows.T).abs().argmax(1) == which).float().mean().item()


short, long = sizes.side**2, 16 * sizes.side**2
levels = torch.linspace(2, -9, 23)
heard = {num: torch.tensor([share_heard(num, level) for level in levels]) for num in (short, long)}
names = {num: f"tone, {num:,} samples" for num in heard}
figure = plots.curves(
    {"digit, noise judge": (log_snr, read["cosine"])}
    | {names[num]: (levels, heard[num]) for num in heard},
    styles={
        "digit, noise judge": {"color": plots.MODEL},
        names[short]: {"color": plots.CLEAN},
        names[long]: {"color": plots.CLEAN, "linestyle": ":"},
    },
    xlabel="log SNR, in nats",
    ylabel="share right",
    references={"chance": 0.1},
    title="These tones outlast these digits; longer tones last longer still",
    alt="Three falling curves against log SNR. The digit falls first, then the tone with as many "
    "samples, then, almost three nats later, the tone with sixteen times as many.",
)
figure.axes[0].set_xlim(2, -9)
figure

# %% tags=["measure"]
# @title How much longer a tone lasts
half_heard = {num: where_half(levels, heard[num]) for num in heard}
print("half heard at log SNR:", *(f"{half:.2f}" for half in half_heard.values()))
outlasts, bought = half_snr["cosine"] - half_heard[short], half_heard[short] - half_heard[long]
claims.check("at equal samples these tones outlast the digits (nats)", outlasts, ">", 0.8)
claims.check("sixteen times the samples buy log 16 = 2.77 (nats)", bought, "within", (2.4, 3.1))

# %% [markdown]
# Why log 16? A tone says the same thing in all its samples. A mean over sixteen times as many has a sixteenth of the noise's variance.
#
# The gap between tone and digit belongs to this pair of readers: a better judge narrows it ([log of experiments](../docs/experiments.md)). How much
# noise destroys the data? Ask for the data, its size and its reader.

# %% [markdown]
# ## Turn it yourself
#
# *When do you lose them?* Find the time at which you lose the digits, and the time at which you lose the ring. Then change the schedule.

# %% tags=["measure"]
# @title A slider over time and schedule
digit_noise = torch.randn(8, 1, sizes.side, sizes.side, generator=generator)
cloud_noise = torch.randn(1500, 2, generator=generator)


def show(t: float, schedule: str):
    """Eight digits and the ring at time t."""
    alpha, sigma = schedules[schedule].level(t)
    figure, (first, second) = plots.panels(
        2,
        title=f"{schedule}, t = {t:g}: {alpha:.2f} times the data, {sigma:.2f} times the noise",
        alt="On the left eight noisy digits in two rows, on the right the noisy points of the ring.",
    )
    x_t = alpha * digits.test.images[:8] + sigma * digit_noise
    plots.image_grid(x_t, per_row=4, limits=(-2, 2), ax=first)
    cloud = alpha * points[:1500] + sigma * cloud_noise
    plots.scatter({"noisy": cloud}, dot=3, limit=3.5, ax=second)
    return figure


widgets.slider(show, t=[k / 20 for k in range(21)], schedule=list(schedules))

# %% [markdown]
# One view of it. *The figure: which of the digits can you still read?*

# %% tags=["measure"]
# @title One view of the slider
show(t=0.4, schedule="cosine")

# %% [markdown]
# ## Is what remains pure noise?
#
# *What is left of the data at $t = 1$?* The schedules say:

# %%
for name, s in schedules.items():
    alpha, _ = s.level(1.0)  # alpha and sigma at one time, as two numbers
    print(f"{name:7} alpha(1) = {alpha:.4f}")

# %% [markdown]
# Linear keeps a factor of 0.0066. That is also the correlation of $x_1$ with the data. Can one see it? A correlation of $n$ numbers strays by about
# $1/\sqrt n$ (one standard deviation). **Guess first:** how many numbers does it take?


# %% tags=["measure"]
# @title The correlation at t = 1, with more and more points
def last_correlation(num_points: int, schedule) -> float:
    """Correlation of the ring with itself at t = 1; each point has two numbers."""
    x0 = data.ring(num_points, generator=generator)
    return measure.correlation(add_noise(x0, 1.0, schedule, generator=generator)[0], x0)


print("    points   strays by    linear      flow")
for num in (1000, 100_000, 10_000_000):
    found = {name: last_correlation(num, schedules[name]) for name in ("linear", "flow")}
    print(
        f"{num:10,} {(2 * num) ** -0.5:11.4f}",
        *(f"{round(v, 4) + 0.0:9.4f}" for v in found.values()),
    )
claims.check(
    "ten million points see what linear leaves at t = 1", found["linear"], "within", (0.005, 0.008)
)
claims.check(
    "control: flow leaves nothing that they can see", found["flow"], "within", (-0.0015, 0.0015)
)

# %% [markdown]
# A thousand points find nothing. But an instrument that finds nothing proves little by itself: here chance is three times as large as what is
# there. $1/\sqrt n$ falls to 0.0066 at $n \approx 23{,}000$, and to be sure takes many times that.
#
# ## Where the claim stops being true
#
# So *until only pure noise remains* is not quite what the linear schedule does. The pixels of one large picture notice, if they all say the same.
# We take images that are all white or all black, noise them to $t = 1$, and guess which it was from the mean of the pixels.
#
# **Guess first:** how often is that right? The mean of $128 \times 128$ noise pixels strays by $1/128 \approx 0.0078$; what is left is 0.0066.

# %% tags=["measure"]
# @title Black or white, guessed from what is left at t = 1
side = 128
colour = torch.tensor([-1.0, 1.0]).repeat(250)  # black, white, black, ...
flat = colour[:, None, None].expand(-1, side, side)


def brightness_guessed(schedule) -> float:
    x_1, _ = add_noise(flat, 1.0, schedule, generator=generator)
    return (x_1.mean(dim=(1, 2)).sign() == colour).float().mean().item()


leak = {f"noisy, {name}": brightness_guessed(s) for name, s in schedules.items()}
linear, _, flow = leak.values()
claims.check("linear: the last noise still tells black from white", linear, ">", 0.7)
claims.check("control: with alpha(1) = 0 it tells nothing", flow, "within", (0.4, 0.6))
plots.bars(
    leak,
    xlabel=f"share of {side} x {side} images whose brightness is guessed",
    form="{:.0%}",
    references={"chance": 0.5},
    title="The linear schedule leaks the brightness of an image into its last noise",
    alt="Three bars. Linear is right for about four of five images, cosine and flow for about half.",
)

# %% [markdown]
# Does the leak matter? A model that learned to rely on it starts wrong, for generation starts from pure noise. Lin et al. (2023) show that Stable
# Diffusion therefore fails at very dark and very bright pictures. Its $\alpha(1)$ is 0.068, ten times ours; whether ours does harm was not measured.
# Two more limits of the sentence:
#
# - *Gaussian noise* suits data whose values are numbers on a scale. Tokens, the pieces of a text, are names. Adding 0.3 to the word "cat" means
#   nothing. Lesson 06 shows what language models do instead.
# - *The model learns by adding noise*: no. Nothing in this lesson learned to generate. Noising makes the examples. Lesson 02 learns from them.

# %% [markdown]
# ## What was measured
#
# - *Are many steps needed?* No, not to make $x_t$: one jump does it. Whether generating needs them, this lesson does not say.
# - *When is a digit lost?* At a signal-to-noise ratio, not at a time; and which ratio depends on the data and on its reader.
# - *Is what remains pure noise?* Nearly. The linear schedule leaves a factor of 0.0066, too little for a thousand points, enough for a large picture.

# %%
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts alone
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# The sibling of this lesson is 06, token prediction. There too one call makes an example and its answer: `add_noise(x0, t, schedule)` gives `x_t, eps`,
# `shift_targets(tokens)` gives `inputs, targets`. How hard the example is, is chosen here (the time), and given there (the place in the text).
#
# ## Papers
#
# - Sohl-Dickstein et al. 2015, *Deep unsupervised learning using nonequilibrium thermodynamics*, arXiv:1503.03585: the idea.
# - Ho et al. 2020, *Denoising diffusion probabilistic models*, arXiv:2006.11239: equation 4 is the jump.
# - Song et al. 2021, *Score-based generative modeling through stochastic differential equations*, arXiv:2011.13456: continuous time.
# - Nichol & Dhariwal 2021, *Improved DDPM*, arXiv:2102.09672: the cosine schedule.
# - Kingma et al. 2021, *Variational diffusion models*, arXiv:2107.00630: why only the signal-to-noise ratio matters.
# - Liu et al. 2022, *Flow straight and fast*, arXiv:2209.03003: the straight line.
# - Lin et al. 2023, *Common diffusion noise schedules and sample steps are flawed*, arXiv:2305.08891: the leak.
