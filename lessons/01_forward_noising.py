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
# *30 minutes to read, 40 more for the exercises, about 35 seconds to run on two cores. Needs no earlier lesson. The quoted claims are from
# [the article](../docs/article.md) that this course tests. Each exercise is solved in [the answer booklet](answers/01_forward_noising.ipynb).*

# %% [markdown]
# Run this cell first. It chooses the number of threads, fixes the random seed and says what it found.

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
# Two parts of this sentence can be measured. Are *many steps* needed? Is what remains *pure* noise? A third question follows: on the way there, when
# is a digit lost?

# %% [markdown]
# ## One step
#
# One step makes the data a little smaller and adds a little noise:
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
# *The figure: the same digit after more and more steps. Find the last one that you can read.*

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

# %%
points = data.ring(sizes.num_points, generator=generator)
clouds = [points[:3000], *walk(points[:3000])]  # clouds[i] is what is left after i steps

# %% tags=["measure"]
# @title The ring after 0, 20, 60 and 200 steps
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
# The clusters melt first, then the ring; what is left is one round cloud. Its size has not changed, and here is why.
#
# Variances of independent things add. If $x_{i-1}$ has variance 1, then $x_i$ has variance $(1-\beta_i)\cdot 1 + \beta_i = 1$. That is what the
# factor $\sqrt{1-\beta_i}$ is for. The control leaves it out.

# %%
kept = [x.std() for x in walk(points)]

grown, x = [], points
for beta in betas:
    x = x + beta.sqrt() * torch.randn(x.shape, generator=generator)  # noise only
    grown.append(x.std())

# %% [markdown]
# **Guess first:** how large is the **spread** (standard deviation) of the control after 200 steps? The betas add up to about 10.

# %% tags=["measure"]
# @title The spread of the points, with and without shrinking
claims.check("200 steps keep the spread of the data at one", kept[-1], "within", (0.99, 1.01))
claims.check("control: noise only added, the spread grows", grown[-1], ">", 3.2)
plots.curves(
    {"noisy, data made smaller": kept, "control: noise only added": grown},
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
# Put two steps into each other. The data has been multiplied by $\sqrt{1-\beta_1}\sqrt{1-\beta_2}$. The two noises are Gaussian and independent, so
# their sum is Gaussian too, with variance
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
# No loop. But is it the same distribution? The proof is the sum of two Gaussians above. We test the code: two numbers must agree at every step, the
# **spread**, and the **correlation** with the clean data. The second must fall as $\sqrt{\bar\alpha_i}$, because the data has variance 1. That they
# agree is necessary; alone it would prove nothing about the rest of the distribution. We look at three runs, each with its own seed. The control is a
# common slip: it forgets the square roots.

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

# %% [markdown]
# *The figure: the first run. Do walk and jump part anywhere?*

# %% tags=["measure"]
# @title Correlation with the clean data, step by step and in one jump
steps = range(1, num_steps + 1)
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
print("largest difference of spread, three runs:", *(f"{a:.2%}" for a in apart.tolist()))
claims.check("walk and jump have the same spread at every step, three runs", apart.max(), "<", 0.01)
claims.check(
    "control: without square roots they have not",
    (slip / walked - 1).abs().amax(1).min(),
    ">",
    0.2,
)
gap = (torch.cat([walk_keeps, jump_keeps]) - alpha_bar.sqrt()).abs().max()
claims.check("in both, correlation with the data falls as the formula says", gap, "<", 0.01)

# %% [markdown]
# What does chance alone give? The spread of 400,000 numbers strays by about 0.1 %, so two of them differ by about 0.16 %; the worst of 200 steps differs
# by more.
#
# So steps *define* the noise, and one jump *makes* it. Training uses the jump, at a random time for every example. One thing is lost: the way.
# In the walk, what you see after 60 steps still holds the noise of step 20; two jumps with fresh noise know nothing of each other. Exercise 01.2 mends that.

# %% [markdown]
# ## Time without steps
#
# If steps do not matter, we can stop counting them. Let their number $N$ go to infinity and each $\beta_i$ to zero, with $\beta(t) = N\beta_i$ at
# $t = i/N$. For a small beta, $\log(1-\beta_i) \approx -\beta_i$. So the product of all $1-\beta_i$ becomes $e^{-\sum\beta_i}$, the sum becomes an
# integral, and $\bar\alpha_i$ a smooth curve over the **time** $t$, from 0 (data) to 1 (noise):
#
# $$x_t = \alpha(t)\,x_0 + \sigma(t)\,\varepsilon, \qquad \alpha(t) = \sqrt{\bar\alpha} = e^{-\frac12\int_0^t \beta}, \qquad \sigma(t) = \sqrt{1-\alpha(t)^2}$$
#
# $\alpha$ is the factor of the data, $\sigma$ that of the noise. Such a pair of curves is a **schedule**. A warning: here $\alpha$ is always this factor;
# papers often write $\alpha_i$ for $1-\beta_i$. Our betas, times 200, rise from 0.1 to 20;
# the integral of that line is $0.1\,t + \tfrac12\,19.9\,t^2$. The whole schedule:


# %%
class Linear:
    def alpha(self, t: Tensor) -> Tensor:
        return (-0.5 * (0.1 * t + 0.5 * 19.9 * t**2)).exp()

    def sigma(self, t: Tensor) -> Tensor:
        return (1 - self.alpha(t) ** 2).sqrt()


# %% [markdown]
# And the jump for any schedule. Each example of a batch has a time of its own. Its two factors get as many axes as the data, so that each
# multiplies its own example.


# %%
def jump(x0: Tensor, t: Tensor, eps: Tensor, schedule) -> Tensor:
    shape = (-1,) + (1,) * (x0.ndim - 1)  # (B, 1, 1, 1) for images
    alpha, sigma = schedule.alpha(t).view(shape), schedule.sigma(t).view(shape)
    return alpha * x0 + sigma * eps


# %% [markdown]
# The package calls them `LinearBeta` and `add_noise`. Are they the same? And our step? At $i = 1$ step and jump are one
# formula, since $\bar\alpha_1 = 1-\beta_1$. So that check only asks whether `add_noise` has the same square roots. It needs the beta that fits the smooth
# curve, `discrete_betas(...)[0]`, about 0.00075, and not our `betas[0]`, 0.0005: our 200 steps only approximate the curve.

# %%
from course_utils.diffusion import LinearBeta, add_noise, discrete_betas

t = torch.linspace(0, 1, 1001, dtype=torch.float64)
curve_gap = max(
    (Linear().alpha(t) - LinearBeta().alpha(t)).abs().max(),
    (Linear().sigma(t) - LinearBeta().sigma(t)).abs().max(),
)
claims.check("Linear is the package's LinearBeta (largest difference)", curve_gap, "<", 1e-6)

# %%
images, times = digits.test.images[:64], torch.rand(64, generator=generator)
x_t, eps = add_noise(images, times, LinearBeta(), generator=generator)
jump_gap = (jump(images, times, eps, LinearBeta()) - x_t).abs().max()
claims.check("jump is the package's add_noise (largest difference)", jump_gap, "<", 1e-6)

# %%
first_beta = discrete_betas(LinearBeta(), num_steps)[0].float()  # of 200 steps along the curve
x_1, eps = add_noise(images, 1 / num_steps, LinearBeta(), generator=generator)
step_gap = (noise_step(images, first_beta, eps) - x_1).abs().max()
claims.check("noise_step is add_noise over one step (largest difference)", step_gap, "<", 1e-6)

# %% [markdown]
# They are, and from here we use the package. Three schedules are common:
#
# | schedule | $\alpha(t)$ | $\sigma(t)$ | idea |
# |---|---|---|---|
# | `LinearBeta` | as above | $\sqrt{1-\alpha^2}$ | the first *denoising diffusion probabilistic model* (DDPM) |
# | `Cosine` | $\cos(\tfrac{\pi}{2}t)$, with a small offset | $\sqrt{1-\alpha^2}$ | fade evenly |
# | `Flow` | $1-t$ | $t$ | a straight line from data to noise |
#
# The first two keep the variance: $\alpha^2+\sigma^2=1$. `Flow` gives that up: in the middle its $x_t$ has a variance below 1.
#
# *The figure: which schedule spends most of its time on images that are almost noise?*

# %%
from course_utils.diffusion import Cosine, Flow

schedules = {"linear": LinearBeta(), "cosine": Cosine(), "flow": Flow()}

# %% tags=["measure"]
# @title Three schedules: the factors of data and noise
t = torch.linspace(0, 1, 201)
figure, (left, right) = plots.panels(
    2,
    title="Linear loses the data early; cosine and flow use all the time",
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
# We ask a **judge**: a small network that reads digits. But which one? One has seen clean digits only. The other has been trained on digits at
# random noise levels. They are of one size, start from the same weights, and see the same digits in the same order.
# `measure` is the course's module of measuring tools; the correlations above came from it too.

# %%
from course_utils import measure, training

train, test = (
    [tensor.to(course.device) for tensor in part] for part in (digits.train, digits.test)
)


def loss_in_noise(judge, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Like `measure.classification_loss`, with each image at a random noise level."""
    images, labels = batch
    t = torch.rand(len(images), device=images.device)
    x_t, _ = add_noise(images, t, Cosine())
    return measure.classification_loss(judge, (x_t, labels))


# %% tags=["measure"]
# @title Train both judges
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
    print(f"{name}: right on clean digits: {judge.accuracy(*test):.1%}")
    return judge


clean_judge = trained_judge("judge", measure.classification_loss)
noise_judge = trained_judge("noise_judge", loss_in_noise)

# %% [markdown]
# Both are shown the digits of the test part, at 25 times, with fresh noise each time. $x_t$ is
# divided by $\sqrt{\alpha^2+\sigma^2}$ first: it then has the size of the images that the second judge was trained on, whatever the schedule.
# `schedule.level(t)` gives alpha and sigma at one time, as two plain floats.

# %%
images, labels = (tensor.repeat_interleave(2, dim=0) for tensor in test)  # each twice
moments = torch.linspace(0.02, 0.98, 25)


def share_read(judge, t: float, schedule) -> float:
    alpha, sigma = schedule.level(t)
    x_t, _ = add_noise(images, t, schedule, generator=generator)
    return judge.accuracy(x_t / (alpha**2 + sigma**2) ** 0.5, labels)


# %% tags=["measure"]
# @title What the judges read, at 25 times on each schedule
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


# %% [markdown]
# At what *time* is a digit lost? That depends on the schedule. A better axis is the **signal-to-noise ratio** (SNR), $\alpha^2/\sigma^2$. We take its
# natural logarithm; the unit is the **nat**. At 0 nats data and noise have equal factors; one nat less means $e \approx 2.7$ times more variance of noise
# for the same data.
#
# **Guess first:** on the left are three curves over time. How will the same numbers lie over the log SNR?

# %% tags=["measure"]
# @title The second judge on three schedules, over time and over log SNR
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
nats_apart, time_apart = (max(h.values()) - min(h.values()) for h in (half_snr, half_time))
claims.check("check of the code: at equal SNR equally legible (nats apart)", nats_apart, "<", 0.3)
claims.check("control: at equal time they are not (share of time apart)", time_apart, ">", 0.15)

# %% [markdown]
# This must be so, whatever the data is. Divide by $\alpha$: $x_t/\alpha = x_0 + (\sigma/\alpha)\,\varepsilon$. Only the ratio is left. So we call it a check of
# our code. It says what a schedule is: a decision **how much time is spent at each ratio**. Two schedules differ in nothing more, apart from the overall size, and where
# they end.

# %% [markdown]
# ### Exercise 01.3 - The same noise on another schedule (15 min, medium)
#
# A judge fails at time $t$ on one schedule. At which time does another schedule have the same signal-to-noise ratio? Find it for any pair of schedules, to
# three digits. You know nothing of their formulas. But `log_snr` falls all the way. At the ends, $t = 0$ and $t = 1$, it can be
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
        t: (B,) times on `schedule`, between 0 and 1.
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
# Back to the two judges. **Guess first:** where the judge that never saw noise reads half of the digits, how many does the other read? We look at the nearest
# time that was measured.

# %% tags=["measure"]
# @title Two judges on the same digits
log_snr = Cosine().log_snr(moments)
figure = plots.curves(
    {
        "model, trained on noise": (log_snr, read["cosine"]),
        "control: trained on clean digits": (log_snr, read_by_clean),
    },
    xlabel="log SNR, in nats",
    ylabel="share of digits read",
    references={"chance": 0.1},
    title="Where the judge that knows clean digits is lost, the other still reads most",
    alt="Two falling curves against log SNR from 6 to -8. The judge trained on noise holds on for more "
    "than a nat longer.",
)
figure.axes[0].set_xlim(6, -8)
figure

# %% tags=["measure"]
# @title How much longer the second judge reads
half_clean = where_half(log_snr, read_by_clean)
nearest = int((log_snr - half_clean).abs().argmin())
print(f"half read at log SNR {half_clean:.2f} (clean) and {half_snr['cosine']:.2f} (noise)")
print(
    f"nearest time, {log_snr[nearest]:.2f}: {read_by_clean[nearest]:.0%} and {read['cosine'][nearest]:.0%}"
)
claims.check(
    "where the first judge reads half, the second reads most", read["cosine"][nearest], ">", 0.75
)
claims.check(
    "the judge trained on noise reads on for longer (nats)",
    half_clean - half_snr["cosine"],
    ">",
    1.0,
)
claims.check("and is nearly as good on clean digits", noise_judge.accuracy(*test), ">", 0.9)

# %% [markdown]
# The first judge also gets its digits at a contrast that it never saw: where there is noise, they are fainter. Dividing by $\alpha$ instead, which
# restores the contrast, moved its half point by only 0.1 nats (tried with seed 0).
#
# So *lost* is a word about data **and reader**. A reader that fails has shown what it cannot do, not what is gone.

# %% [markdown]
# ## Heard, not only seen
#
# The article says *images, audio*. Nothing above used that the data was an image. Here are two seconds of a melody, noised by the same
# function. Listen: until where do you hear the tune?

# %%
from IPython.display import Audio, display

melody = data.melody()[None]
for time in (0.0, 0.15, 0.4):
    x_t, _ = add_noise(melody / melody.std(), time, LinearBeta(), generator=generator)
    print(f"t = {time}, log SNR = {float(LinearBeta().log_snr(time)):.1f}")
    display(Audio(x_t[0].numpy(), rate=data.SAMPLE_RATE))

# %% [markdown]
# Does a tone outlast a digit? To be fair there are ten tones, as there are ten digits; a tone has **as many samples as a digit has pixels**, and the
# same variance. The listener knows the ten pitches, not the phase. For each pitch it multiplies the wave by a cosine and by a sine of that
# pitch, and adds up each product. The length of the two sums, $\sqrt{a^2+b^2}$, ignores the phase. The pitch with the greatest length wins. In the code a
# complex number holds the pair.
#
# This time we set the log SNR itself. If $\alpha^2+\sigma^2=1$, then $\alpha^2 = \operatorname{sigmoid}(\log\mathrm{SNR})$ and $\sigma^2$ is the rest.

# %%
pitches = 440 * 2 ** (torch.arange(10) / 6)  # hertz, each a whole tone above the last
loudness = (2 * digits.test.images.var()).sqrt()  # a sine of this height varies as digits do


def share_heard(num_samples: int, log_snr: Tensor, tries: int = 500) -> float:
    turns = pitches[:, None] * torch.arange(num_samples) / data.SAMPLE_RATE
    which = torch.randint(10, (tries,), generator=generator)
    phase = torch.rand(tries, 1, generator=generator)
    tone = loudness * (2 * torch.pi * (turns[which] + phase)).sin()
    eps = torch.randn(tone.shape, generator=generator)
    noisy = log_snr.sigmoid().sqrt() * tone + (-log_snr).sigmoid().sqrt() * eps
    arrows = torch.exp(-2j * torch.pi * turns)  # (10, samples)
    return ((noisy.to(arrows.dtype) @ arrows.T).abs().argmax(1) == which).float().mean().item()


# %% [markdown]
# We also let the tone sound longer: four times and sixteen times as many samples. **Guess first:** how many nats does sixteen times longer buy?
#
# *The figure: "4 x" means four times as many samples as a digit has pixels.*

# %% tags=["measure"]
# @title Digits read and tones heard, over log SNR
pixels = sizes.side**2
levels = torch.linspace(4, -9, 27)
heard = {
    num: torch.tensor([share_heard(num, level) for level in levels])
    for num in (pixels, 4 * pixels, 16 * pixels)
}
names = {num: f"tone, {num // pixels} x" for num in heard}
figure = plots.curves(
    {"model, digit": (log_snr, read["cosine"])}
    | {names[num]: (levels, heard[num]) for num in heard},
    styles={
        names[num]: {"color": "#0072B2", "linestyle": style}
        for num, style in zip(heard, ("-", (0, (5, 1)), (0, (1, 1))), strict=True)
    },
    xlabel="log SNR, in nats",
    ylabel="share right",
    references={"chance": 0.1},
    title="A tone outlasts a digit of as many samples; a longer tone lasts longer still",
    alt="Four falling curves against log SNR. The digit falls first, then the tone with as many "
    "samples, then the tones with four and sixteen times as many, at even distances.",
)
figure.axes[0].set_xlim(4, -9)
figure

# %% tags=["measure"]
# @title How much longer a tone lasts
half_heard = [where_half(levels, heard[num]) for num in heard]
print("half heard at log SNR:", *(f"{half:.2f}" for half in half_heard))
outlasts, bought = half_snr["cosine"] - half_heard[0], half_heard[0] - half_heard[2]
claims.check("at equal samples a tone outlasts a digit (nats)", outlasts, ">", 0.8)
claims.check("sixteen times the samples buy log 16 = 2.77 (nats)", bought, "within", (2.4, 3.1))

# %% [markdown]
# The listener was told all about its ten tones; the judge had to find out about digits from examples. So the gap holds for this pair of readers. The
# second number is clearer: a tone says the same thing in all its samples. A mean over four times the samples has a quarter of the noise's variance:
# $\log 4 = 1.39$ nats, and twice that, 2.77, for sixteen times. (The half points are interpolated between levels half a nat apart.) *How
# much noise destroys the data* asks for the data, its size and its reader.

# %% [markdown]
# ## Turn it yourself
#
# Move the slider. Find the time at which you lose the digits, and the time at which you lose the ring. Then change the schedule.

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
# One view of it, for readers of a page that runs nothing. *The figure: which of the digits can you still read?*

# %%
show(t=0.4, schedule="cosine")

# %% [markdown]
# ## Is what remains pure noise?
#
# To answer, we need an instrument that compares two clouds of points, $x$ and $y$. The **energy distance** is made of mean distances of random pairs:
#
# $$2\,\mathrm E\lVert x-y\rVert - \mathrm E\lVert x-x'\rVert - \mathrm E\lVert y-y'\rVert$$
#
# $x'$ is a second draw like $x$, $y'$ one like $y$, and $\lVert\cdot\rVert$ is length. Pairs across the clouds, less pairs within each. It is 0 if the two
# distributions are equal, and above 0 if not. Measured on samples it strays around the true value, so an estimate may dip below 0 by chance. How far it
# *strays* we give as a standard deviation, here and below. How far is that? Fresh noise against fresh noise shows it. We look 60 times, each time at 1,000 new points.


# %%
def one_look(t: float | None) -> float:
    """Energy distance of fresh noise and the ring at time t (or other noise, if t is None)."""
    x = torch.randn(1000, 2, generator=generator)
    if t is not None:
        x0 = data.ring(1000, generator=generator)
        x, _ = add_noise(x0, t, LinearBeta(), generator=generator)
    return measure.energy_distance(x, torch.randn(1000, 2, generator=generator))


# %% [markdown]
# **Guess first:** can it tell the ring from noise at $t = 0.1$? At $t = 0.3$, where the data still has the factor 0.63? At $t = 1$?

# %% tags=["measure"]
# @title Sixty looks at each of three times, and at fresh noise
looks = {t: torch.tensor([one_look(t) for _ in range(60)]) for t in (0.1, 0.3, 1.0, None)}
chance = looks[None].std()
for t, values in looks.items():
    name = "control: fresh noise" if t is None else f"ring at t = {t}"
    print(
        f"{name:21} {round(float(values.mean()), 3) + 0.0:8.3f} on average, one look strays by {values.std():.3f}"
    )
in_chances = {t: looks[t].mean() / chance for t in (0.1, 0.3)}
claims.check(
    "one look tells the ring at t = 0.1 from noise (in standard deviations)",
    in_chances[0.1],
    ">",
    6,
)
claims.check("one look cannot at t = 0.3 (in standard deviations)", in_chances[0.3], "<", 1.5)

# %% [markdown]
# So at $t = 0.3$ the cloud passes for noise, at one look at 1,000 points. Is the ring gone? Ask each point: *which of the eight clusters did you come from?* We answer with the nearest
# one.

# %%
centres = data.ring_mixture().means


def origin_guessed(t: float) -> Tensor:
    """The share of points whose nearest cluster at time t is the one they came from."""
    x_t, _ = add_noise(points, t, LinearBeta(), generator=generator)
    came_from, is_near = (measure.distances(x, centres).argmin(1) for x in (points, x_t))
    return (came_from == is_near).float().mean()


# %% tags=["measure"]
# @title The origin of a point, at three times
origin = {f"noisy, t = {t}": float(origin_guessed(t)) for t in (0.1, 0.3, 1.0)}
claims.check("at t = 0.3 a point still remembers something", origin["noisy, t = 0.3"], ">", 0.3)
claims.check(
    "control: at t = 1 it is at chance, 12.5 %", origin["noisy, t = 1.0"], "within", (0.115, 0.135)
)
plots.bars(
    origin,
    form="{:.1%}",
    xlabel="share of points whose cluster is guessed",
    references={"chance": 1 / 8},
    title="At t = 0.3 the cloud looks like noise, its points still remember something",
    alt="Three bars: most points at t = 0.1, about a third at t = 0.3, an eighth, which is chance, at t = 1.",
)

# %% [markdown]
# An instrument that finds nothing proves little by itself.
#
# ### At the very end
#
# At $t = 1$ both find nothing. Does that prove that nothing is there? The schedule itself says:

# %%
for name, s in schedules.items():
    print(f"{name:7} alpha(1) = {s.level(1.0)[0]:.4f}")

# %% [markdown]
# Linear keeps a factor of 0.0066. That is the true correlation with the data. A correlation of $n$ numbers strays by about $1/\sqrt n$. **Guess first:** how
# many points does it take to see 0.0066?


# %%
def last_correlation(num_points: int, schedule) -> float:
    """Correlation of the ring with itself at t = 1; each point has two numbers."""
    x0 = data.ring(num_points, generator=generator)
    return measure.correlation(add_noise(x0, 1.0, schedule, generator=generator)[0], x0)


# %% tags=["measure"]
# @title The correlation at t = 1, with more and more points
print("   points   strays by    linear      flow")
for num in (1000, 100_000, 4_000_000):
    found = {name: last_correlation(num, schedules[name]) for name in ("linear", "flow")}
    print(
        f"{num:9,} {(2 * num) ** -0.5:11.4f}",
        *(f"{round(v, 4) + 0.0:9.4f}" for v in found.values()),
    )
claims.check(
    "four million points see what linear leaves at t = 1", found["linear"], "within", (0.005, 0.008)
)
claims.check(
    "control: flow leaves nothing that they can see", found["flow"], "within", (-0.0015, 0.0015)
)

# %% [markdown]
# ## Where the claim stops being true
#
# So *until only pure noise remains* is not quite what the linear schedule does. A thousand points do not notice. The pixels of one large picture can, if
# they all say the same. We take images that are all white or all black, noise them to $t = 1$, and guess which it was from the mean of the pixels.
# **Guess first:** how often is that right? (There are 500 images, so a share strays by about 2 %.)

# %%
side = 128
colour = torch.tensor([-1.0, 1.0]).repeat(250)  # black, white, black, ...
flat = colour[:, None, None].expand(-1, side, side)


def brightness_guessed(schedule) -> float:
    x_1, _ = add_noise(flat, 1.0, schedule, generator=generator)
    return (x_1.mean(dim=(1, 2)).sign() == colour).float().mean().item()


# %% tags=["measure"]
# @title Black or white, guessed from what is left at t = 1
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
# Does the leak matter? What generates starts from noise without a leak, so a model that learned to rely on it starts wrong. Lin et al. (2023) show for Stable
# Diffusion that it then cannot paint very dark or very bright pictures. Its $\alpha(1)$ is 0.068, ten times ours. Whether ours does harm, this lesson
# has not measured. Two more limits of the sentence:
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
# ## For users of the libraries
#
# Libraries count integer **timesteps**, mostly $i = 0 \dots 999$. Their step $i$ is our time $t = (i+1)/1000$. We multiply up the 1000 betas of the first
# DDPM paper and compare with the smooth curve; then shifted by one step, a common error.

# %%
library = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
i = torch.arange(1000, dtype=torch.float64)
for name, t in (("(i + 1) / 1000", (i + 1) / 1000), ("i / 1000", i / 1000)):
    gap = (library - LinearBeta().alpha_bar(t)).abs().max()
    print(f"t = {name:15} largest difference of alpha bar: {gap:.5f}")

# %% [markdown]
# The other way, `discrete_betas` makes the betas of any schedule that keeps the variance.
#
# ## The mirror
#
# Diffusion and language models are siblings in many places. The sibling of this lesson is 06, token prediction: how an example is made.
#
# | | diffusion | language |
# |---|---|---|
# | make an example | `add_noise(x0, t, schedule)` gives `x_t, eps` | `shift_targets(tokens)` gives `inputs, targets` |
# | what is hidden | the noise `eps` | the next token |
# | how hard it is | chosen: the time `t` | given: the place in the text |
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
# - Székely & Rizzo 2013, *Energy statistics: a class of statistics based on distances*: the energy distance.
