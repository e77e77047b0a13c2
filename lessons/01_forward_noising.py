# %% [markdown]
# # 01 · Forward noising
#
# **What happens to data when Gaussian noise is added again and again?**
#
# After this lesson you can
#
# - write one noising step, and say why it shrinks the data before it adds noise;
# - jump from clean data to any noise level in one line;
# - compare noise schedules by the one number that matters, the signal-to-noise ratio.
#
# *30 minutes to read, about 20 seconds to run on two cores. Needs no earlier lesson.*

# %% [markdown]
# Run this cell first. It chooses the number of threads, fixes the random seed and says what it found.

# %% tags=["setup"]
import torch
from torch import Tensor

from course_utils import data, measure, training
from course_utils.diffusion import Cosine, Flow, LinearBeta, add_noise, discrete_betas
from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("01", seed=0)
claims = Claims("01")
sizes = course.sizes(
    cpu=dict(side=16, num_points=30_000, judge_steps=400),
    gpu=dict(side=28, num_points=100_000, judge_steps=1000),
)

# %% [markdown]
# ## The claim
#
# The article that this course tests says of diffusion models:
#
# > *The model learns by adding Gaussian noise to real data (images, audio) over many steps until only pure noise remains.*
#
# Two parts of this sentence can be measured. Are *many steps* needed? Is what remains *pure* noise? A third question follows:
# on the way there, when is a digit destroyed? We start with a look, and measure afterwards.

# %% [markdown]
# ## A first look
#
# Here is our data: handwritten digits, with pixels from -1 (black) to 1 (white).

# %%
digits = data.load_digits(size=sizes.side)
x0 = digits.test.images[:1].to(course.device)
x0.shape, float(x0.min()), float(x0.max())

# %% [markdown]
# The next cell adds more and more noise to one of them. `t` is the **time**: 0 is data, 1 is noise.
#
# *The figure: eight copies of one digit, from clean on the left to grey static on the right. The digit is gone well before the end.*

# %%
times = torch.linspace(0, 1, 8, device=course.device)
x_t, _ = add_noise(x0.expand(8, -1, -1, -1), times, LinearBeta())
plots.image_row(
    x_t,
    titles=[f"t = {t:.2f}" for t in times.tolist()],
    limits=(-2, 2),
    title="A digit drowns in noise long before t = 1",
)

# %% [markdown]
# `LinearBeta` is a **schedule**: it says how much data and how much noise there is at each time. The rest of the lesson builds one.

# %% [markdown]
# ## One step
#
# Images are hard to measure. So we take points in the plane first: eight small clusters on a ring.
#
# *The figure: eight blue clusters of points, evenly spaced on a circle around the origin.*

# %%
generator = torch.Generator().manual_seed(course.seed)
points = data.ring(sizes.num_points, generator=generator)
plots.scatter(
    {"clean": points[:3000]},
    dot=3,
    title="Eight clusters, and nothing between them",
)

# %% [markdown]
# One step makes the data a little smaller and adds a little noise:
#
# $$x_i = \sqrt{1-\beta_i}\;x_{i-1} + \sqrt{\beta_i}\;z_i, \qquad z_i \sim \mathcal N(0, 1)$$
#
# $\beta_i$ (beta) is the **variance** of the noise in step $i$. It is small, so a step changes little. We take 200 steps.

# %%
num_steps = 200
betas = torch.linspace(5e-4, 0.1, num_steps)

x = points
walk = [x]
for beta in betas:
    z = torch.randn(x.shape, generator=generator)
    x = (1 - beta).sqrt() * x + beta.sqrt() * z
    walk.append(x)

# %% [markdown]
# *The figure: the clusters widen, melt into one cloud, and end as a round Gaussian.*

# %%
shown = [0, 20, 60, 200]
plots.scatter(
    {f"after {i} steps": {"noisy": walk[i][:3000]} for i in shown},
    dot=2,
    limit=4,
    title="The ring melts into a round cloud",
)

# %% [markdown]
# ### Why make the data smaller?
#
# The factor $\sqrt{1-\beta_i}$ keeps the size of the data. Variances of independent things add. So if $x_{i-1}$ has variance 1,
# then $x_i$ has variance $(1-\beta_i)\cdot 1 + \beta_i = 1$.
#
# The control leaves the factor out. Its variance can only grow.
#
# *The figure: the spread of the points stays at one for 200 steps. The grey line of the control climbs above three.*

# %%
kept = torch.stack([x.std() for x in walk])
grown = (points.var() + torch.cat([torch.zeros(1), betas.cumsum(0)])).sqrt()
plots.curves(
    {"noisy, data made smaller": kept, "control: noise only added": grown},
    xlabel="step",
    ylabel="standard deviation",
    title="Shrinking the data keeps its size; without it the cloud grows without end",
)

# %%
claims.check("200 steps keep the spread of the data at one", kept[-1], "within", (0.97, 1.03))
claims.check("control: without shrinking the spread triples", grown[-1] / kept[-1], ">", 3)

# %% [markdown]
# ### Exercise 01.1 - Take one noising step (5 min, easy)
#
# Write the step above as a function. One line is enough.
#
# <details><summary>Hint</summary>
#
# $\beta$ is a variance. A factor in front of a random number is a standard deviation. How do you get from one to the other?
#
# </details>


# %% tags=["exercise"]
def noise_step(x: Tensor, beta: Tensor, z: Tensor) -> Tensor:
    """Return the data after one noising step.

    Args:
        x: (B, ...) data before the step.
        beta: () variance of the noise, between 0 and 1.
        z: (B, ...) standard normal noise.

    Returns:
        (B, ...) data after the step.
    """
    # BEGIN SOLUTION
    return (1 - beta).sqrt() * x + beta.sqrt() * z
    # END SOLUTION


# %% tags=["check"]
checks.run("01.1", noise_step)

# %% [markdown]
# ## Are many steps needed?
#
# Put two steps into each other. The data has been multiplied by $\sqrt{1-\beta_1}\sqrt{1-\beta_2}$. The two noises are Gaussian and
# independent, so together they are one Gaussian. Its variance is
#
# $$(1-\beta_2)\,\beta_1 + \beta_2 = 1 - (1-\beta_1)(1-\beta_2).$$
#
# The same holds for any number of steps:
#
# $$x_i = \sqrt{\bar\alpha_i}\;x_0 + \sqrt{1-\bar\alpha_i}\;\varepsilon, \qquad \bar\alpha_i = \prod_{j=1}^{i} (1-\beta_j)$$
#
# $\bar\alpha_i$ (alpha bar) is the share of the variance that is still data, if the data has variance 1. $\varepsilon$ (eps) is one draw of noise that stands for all
# draws up to $i$.

# %%
alpha_bar = torch.cumprod(1 - betas, 0)

eps = torch.randn(points.shape, generator=generator)
jumped = alpha_bar[:, None, None].sqrt() * points + (1 - alpha_bar)[:, None, None].sqrt() * eps
jumped.shape

# %% [markdown]
# One line, and we have the points after 1, 2, ..., 200 steps. No loop was needed. But is it the same distribution?
#
# Two numbers must agree if it is. The **spread** must be the same at every step. And the **correlation** with the clean data must fall as
# $\sqrt{\bar\alpha_i}$, because the data has unit variance.

# %%
walked = torch.stack(walk[1:])
spread_ratio = jumped.std(dim=(1, 2)) / walked.std(dim=(1, 2))
correlation = {
    "noisy, 200 steps one by one": [measure.correlation(x, points) for x in walked],
    "one jump": [measure.correlation(x, points) for x in jumped],
}
predicted = alpha_bar.sqrt()

# %% [markdown]
# *The figure: three curves that fall from one to zero and lie on top of each other.*

# %%
steps = range(1, num_steps + 1)
plots.curves(
    {name: (steps, values) for name, values in correlation.items()}
    | {"reference: root of alpha bar": (steps, predicted)},
    xlabel="step",
    ylabel="correlation with the clean data",
    title="Walking and jumping lose the data at the same rate",
)

# %% [markdown]
# The control is a common slip: to forget the square roots, and mix with $\bar\alpha$ and $1-\bar\alpha$ themselves.

# %%
slip = alpha_bar[:, None, None] * points + (1 - alpha_bar)[:, None, None] * eps
slip_ratio = slip.std(dim=(1, 2)) / walked.std(dim=(1, 2))

off, slip_off = ((ratio - 1).abs().max() for ratio in (spread_ratio, slip_ratio))
gap = (torch.tensor(list(correlation.values())) - predicted).abs().max()
claims.check("the jump has the spread of the walk, at every step", off, "<", 0.03)
claims.check("control: without square roots it has not", slip_off, ">", 0.2)
claims.check("in both, correlation with the data falls as predicted", gap, "<", 0.03)

# %% [markdown]
# Steps define the noise; one jump makes it. Training will use the jump, at a random time for every example.

# %% [markdown]
# ### Exercise 01.2 - From betas to alpha bar (5 min, easy)
#
# Given the variance of every step, return the share of variance that is still data after every step.
#
# <details><summary>Hint</summary>
#
# Each step keeps the share $1-\beta$ of what it got. torch has a function for running products.
#
# </details>


# %% tags=["exercise"]
def alpha_bar_from(betas: Tensor) -> Tensor:
    """Return the share of the variance that is data after each step.

    Args:
        betas: (N,) variance of the noise in each step.

    Returns:
        (N,) alpha bar after steps 1 ... N.
    """
    # BEGIN SOLUTION
    return torch.cumprod(1 - betas, dim=0)
    # END SOLUTION


# %% tags=["check"]
checks.run("01.2", alpha_bar_from)

# %% [markdown]
# ## Time without steps
#
# If the steps do not matter, we can stop counting them. Let the number of steps go to infinity, and each $\beta$ to zero.
# What stays is a smooth curve over time $t$ from 0 to 1:
#
# $$x_t = \alpha(t)\,x_0 + \sigma(t)\,\varepsilon$$
#
# $\alpha(t)$ is the factor of the data, $\sigma(t)$ that of the noise. A schedule is a pair of such curves. Three are common:
#
# | schedule | $\alpha(t)$ | $\sigma(t)$ | idea |
# |---|---|---|---|
# | `LinearBeta` | $\exp(-\tfrac12\int_0^t \beta)$, $\beta$ rises linearly | $\sqrt{1-\alpha^2}$ | the first *denoising diffusion probabilistic model* (DDPM) |
# | `Cosine` | $\cos(\tfrac{\pi}{2}t)$, with a small offset | $\sqrt{1-\alpha^2}$ | fade evenly |
# | `Flow` | $1-t$ | $t$ | a straight line from data to noise |
#
# In the first, $\beta(t)$ is $\beta_i$ times the number of steps. The last gives up the constant size.
#
# *The figure: two panels, with $\alpha$ falling from one to zero and $\sigma$ rising from zero to one. Linear moves early, cosine and flow take all the time.*

# %%
schedules = {"linear": LinearBeta(), "cosine": Cosine(), "flow": Flow()}
t = torch.linspace(0, 1, 201)

figure, (left, right) = plots.panels(
    2,
    title="Linear loses the data early; cosine and flow use all the time",
    titles=["alpha(t): data", "sigma(t): noise"],
)
plots.curves({name: (t, s.alpha(t)) for name, s in schedules.items()}, xlabel="t", ax=left)
plots.curves({name: (t, s.sigma(t)) for name, s in schedules.items()}, xlabel="t", ax=right)
figure

# %% [markdown]
# ### The bridge to the libraries
#
# Libraries count integer **timesteps**, mostly $i = 0 \dots 999$. Their step $i$ is our time
#
# $$t = \frac{i+1}{1000}.$$
#
# We multiply up the 1000 betas of the first DDPM paper, and compare with our smooth curve. The control, $t = i/1000$, is off by one step.

# %%
library_betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
library = torch.cumprod(1 - library_betas, 0)
i = torch.arange(1000, dtype=torch.float64)
linear_gap = (library - LinearBeta().alpha_bar((i + 1) / 1000)).abs().max()
off_by_one = (library - LinearBeta().alpha_bar(i / 1000)).abs().max()
print(f"largest difference of alpha bar: {linear_gap:.5f}; with t = i / 1000: {off_by_one:.5f}")

# %% [markdown]
# The other direction works too: `discrete_betas` turns any schedule with $\alpha^2+\sigma^2=1$ into betas.

# %%
cosine_bars = torch.cumprod(1 - discrete_betas(Cosine()), 0)
cosine_gap = (cosine_bars - Cosine().alpha_bar((i + 1) / 1000)).abs().max()

claims.check("smooth curve and 1000 library steps agree", linear_gap, "<", 0.002)
claims.check("control: shifted by one step they agree less", off_by_one / linear_gap, ">", 2)
claims.check("betas made from the cosine curve lead back to it", cosine_gap, "<", 1e-5)

# %% [markdown]
# ### Exercise 01.3 - Jump to any time (10 min, medium)
#
# Return the noisy batch $x_t$. Every example has a time of its own.
#
# <details><summary>Hint</summary>
#
# `schedule.alpha(t)` has shape `(B,)`, the batch has shape `(B, C, H, W)`. Give the factors more axes, so that each one
# multiplies its own image. Indexing with `None` adds an axis.
#
# </details>


# %% tags=["exercise"]
def jump(x0: Tensor, t: Tensor, eps: Tensor, schedule) -> Tensor:
    """Return the noisy batch x_t.

    Args:
        x0: (B, C, H, W) clean images.
        t: (B,) one time in [0, 1] for each image.
        eps: (B, C, H, W) standard normal noise.
        schedule: has alpha(t) and sigma(t), each (B,) -> (B,).

    Returns:
        (B, C, H, W) noisy images.
    """
    # BEGIN SOLUTION
    alpha = schedule.alpha(t)[:, None, None, None]
    sigma = schedule.sigma(t)[:, None, None, None]
    return alpha * x0 + sigma * eps
    # END SOLUTION


# %% tags=["check"]
checks.run("01.3", jump)

# %% [markdown]
# ## What is destroyed when?
#
# When does a digit stop being a digit? We ask a **judge**: a small network that was trained on clean digits and knows nothing of noise.

# %%
judge = measure.Judge(sizes.side).to(course.device)
train, test = (
    [tensor.to(course.device) for tensor in part] for part in (digits.train, digits.test)
)
training.fit(
    judge,
    data.Batches(*train, batch_size=64),
    measure.classification_loss,
    num_steps=sizes.judge_steps,
    checkpoint=course.checkpoint("judge"),
)
print(f"right on clean digits: {judge.accuracy(*test):.1%}")

# %% [markdown]
# Now the judge sees noisy digits, at 25 times for each schedule. We divide by $\alpha(t)$ first. The digit then always has full
# contrast, and only the noise on top of it grows.

# %%
images, labels = test
probe = torch.linspace(0.02, 0.98, 25)


def accuracy_at(t: float, schedule) -> float:
    noise = torch.Generator().manual_seed(course.seed)
    x_t, _ = add_noise(images, t, schedule, generator=noise)
    return judge.accuracy(x_t / schedule.alpha(t).to(images), labels)


accuracy = {
    name: torch.tensor([accuracy_at(float(t), s) for t in probe]) for name, s in schedules.items()
}

# %% [markdown]
# The **signal-to-noise ratio** (SNR) is $\alpha^2/\sigma^2$. We take its natural logarithm; the unit is the **nat**.
#
# *The figure: on the left, the share of digits that the judge gets right, against time: three curves. On the right, the same numbers
# against the log of the signal-to-noise ratio: one curve.*

# %%
figure, (left, right) = plots.panels(
    2,
    title="Schedules differ in time; at equal signal-to-noise ratio they are the same",
)
by_time = {name: (probe, accuracy[name]) for name in schedules}
by_ratio = {name: (s.log_snr(probe), accuracy[name]) for name, s in schedules.items()}
plots.curves(by_time, xlabel="t", ylabel="share right", references={"chance": 0.1}, ax=left)
plots.curves(by_ratio, xlabel="log SNR, in nats", references={"chance": 0.1}, ax=right)
right.set_xlim(6, -8)
figure

# %% [markdown]
# Dividing by $\alpha$ shows why nothing else can matter: $x_t/\alpha = x_0 + (\sigma/\alpha)\,\varepsilon$. All three schedules got the same
# noise here, so the curves must meet. A schedule only decides how much time is spent at each ratio.
#
# We read off where the judge drops to half right, on both axes.


# %%
def where_half(axis: Tensor, values: Tensor) -> float:
    """The place on the axis where falling values cross one half, by linear interpolation."""
    after = int((values < 0.5).nonzero()[0])
    a, b = values[after - 1], values[after]
    return float(axis[after - 1] + (a - 0.5) / (a - b) * (axis[after] - axis[after - 1]))


half_time = {name: where_half(probe, accuracy[name]) for name in schedules}
half_ratio = {name: where_half(s.log_snr(probe), accuracy[name]) for name, s in schedules.items()}
for name in schedules:
    print(f"{name:7} half right at t = {half_time[name]:.2f}, log SNR = {half_ratio[name]:.2f}")

# %%
nats_apart, time_apart = (max(h.values()) - min(h.values()) for h in (half_ratio, half_time))
late = accuracy_at(0.8, LinearBeta())
claims.check("the judge knows clean digits", judge.accuracy(*test), ">", 0.9)
claims.check("at equal SNR all schedules are equally legible (nats)", nats_apart, "<", 0.3)
claims.check("control: at equal time they are not (share of time)", time_apart, ">", 0.1)
claims.check("linear: at t = 0.8 the judge is close to guessing", late, "<", 0.2)

# %% [markdown]
# ## Heard, not only seen
#
# The article says *images, audio*. Nothing above used that the data was an image. Here are two seconds of a melody, noised by the same
# function. Listen: until where do you hear the tune?

# %%
from IPython.display import Audio, display

melody = data.melody()[None]
for t_heard in (0.0, 0.15, 0.4):
    x_t, _ = add_noise(melody / melody.std(), t_heard, LinearBeta(), generator=generator)
    print(f"t = {t_heard}, log SNR = {float(LinearBeta().log_snr(t_heard)):.1f}")
    display(Audio(x_t[0].numpy(), rate=data.SAMPLE_RATE))

# %% [markdown]
# A spectrum can listen for us. We noise a pure tone of 440 hertz, one second long, to the time at which the judge is right half the time.
# Then we read its pitch from the highest peak of its spectrum. To be fair, the tone gets the variance of the digits.

# %%
tone = data.tone(440.0)[None]
tone = tone * images.std().cpu() / tone.std()  # as loud as the digits
lost = min(half_time, key=half_time.get)
t_lost = half_time[lost]
loud, _ = add_noise(tone.expand(50, -1), t_lost, schedules[lost], generator=generator)
error = (data.pitch(loud) / 440 - 1).abs()
static = (data.pitch(torch.randn(loud.shape, generator=generator)) / 440 - 1).abs()
print(f"{tone.shape[1]:,} samples, variance {tone.var():.2f}; digits {images.var():.2f}")
print(f"pitch found within 1 %: {(error < 0.01).float().mean():.0%} of 50 tries")
print(f"control, noise alone:   {(static < 0.01).float().mean():.0%}")

# %%
found, by_luck = (error < 0.01).float().mean(), (static < 0.01).float().mean()
claims.check("where digits are half lost, the pitch of a tone is still found", found, ">", 0.95)
claims.check("control: noise alone has that pitch by luck", by_luck, "<", 0.1)

# %% [markdown]
# All samples of the tone say the same thing. The digit's strokes say it once. *How much noise destroys the data* is a question about the
# data too.

# %% [markdown]
# ## Turn it yourself
#
# Move the slider. Find the time at which you lose the digit, and the time at which you lose the ring. Then change the schedule.


# %%
def show(t: float, schedule: str):
    """Eight digits and the ring at time t."""
    noise = torch.Generator().manual_seed(3)
    s = schedules[schedule]
    factors = f"{float(s.alpha(t)):.2f} times the data, {float(s.sigma(t)):.2f} times the noise"
    figure, (first, second) = plots.panels(2, title=f"{schedule}, t = {t:g}: {factors}")
    x_t, _ = add_noise(digits.test.images[:8], t, s, generator=noise)
    plots.image_grid(x_t, per_row=4, limits=(-2, 2), ax=first)
    cloud, _ = add_noise(points[:1500], t, s, generator=noise)
    plots.scatter({"noisy": cloud}, dot=3, limit=3.5, ax=second)
    return figure


widgets.slider(show, t=[k / 20 for k in range(21)], schedule=list(schedules))

# %% [markdown]
# The same picture without a slider, for readers of a page that runs nothing: cosine at $t = 0.4$.
#
# *The figure: on the left eight digits that can still be read under their noise, on the right a ring that has closed into one cloud.*

# %%
show(t=0.4, schedule="cosine")

# %% [markdown]
# ## Is what remains pure noise?
#
# We measure the **energy distance** between the noised ring and fresh noise. It is 0 when two distributions are equal, and grows with their
# difference. Samples are finite, so it strays around 0 by chance. How far? Fresh noise against fresh noise shows it. We repeat each comparison
# 60 times, with 1,000 points each.


# %%
def fresh_noise() -> Tensor:
    return torch.randn(1000, 2, generator=generator)


def ring_at(t: float) -> Tensor:
    x0 = data.ring(1000, generator=generator)
    return add_noise(x0, t, LinearBeta(), generator=generator)[0]


def distance_to_noise(make, *arguments) -> float:
    """Mean size of the energy distance between made points and fresh noise."""
    repeats = [measure.energy_distance(make(*arguments), fresh_noise()) for _ in range(60)]
    return sum(map(abs, repeats)) / len(repeats)


distances = {f"noisy, t = {t}": distance_to_noise(ring_at, t) for t in (0.1, 0.3, 1.0)}
distances["control: fresh noise"] = distance_to_noise(fresh_noise)

# %% [markdown]
# A second instrument looks at each point instead of the cloud: the correlation with the clean data it came from.

# %%
left_over = {}
for t_left in (0.1, 0.3, 1.0):
    x_t, _ = add_noise(points, t_left, LinearBeta(), generator=generator)
    left_over[f"noisy, t = {t_left}"] = abs(measure.correlation(x_t, points))
noise = torch.randn(points.shape, generator=generator)
left_over["control: fresh noise"] = abs(measure.correlation(noise, points))

# %% [markdown]
# *The figure: on the left the energy distance. It is large at $t = 0.1$ alone. On the right the correlation with the clean data. It is large at
# $t = 0.1$ and at $t = 0.3$.*

# %%
figure, (left, right) = plots.panels(
    2,
    title="At t = 1 neither instrument finds the ring; at t = 0.3 only one is fooled",
    titles=["energy distance to noise", "correlation with the clean data"],
    size=(8, 2.5),
)
plots.bars(distances, form="{:.4f}", ax=left)
plots.bars(left_over, form="{:.3f}", ax=right)
right.set_yticks([])
figure

# %%
early, middle, end, by_chance = distances.values()
claims.check("at t = 1 the ring is as close to noise as noise is", end / by_chance, "<", 2.5)
claims.check("control: at t = 0.1 it is not", early / by_chance, ">", 5)
claims.check(
    "at t = 1 no correlation with the data is left", left_over["noisy, t = 1.0"], "<", 0.03
)
claims.check("control: at t = 0.3 it is", left_over["noisy, t = 0.3"], ">", 0.5)

# %% [markdown]
# At $t = 0.3$ the cloud already passes for noise, yet every point still knows where it came from. An instrument that finds nothing proves little
# by itself.

# %% [markdown]
# ## Where the claim stops being true
#
# *Until only pure noise remains* is not quite what the linear schedule does. At $t = 1$ its factor of the data is small, but not zero:

# %%
for name, s in schedules.items():
    print(f"{name:7} alpha(1) = {float(s.alpha(1.0)):.4f}")

# %% [markdown]
# So small a factor hides a pixel. It does not hide an average over thousands of pixels. We take images that are all white or all black,
# noise them to $t = 1$, and guess which it was from the mean.
#
# *The figure: with the linear schedule the guess is right far more often than by chance; with the two others it is not.*

# %%
side = 128
colour = torch.tensor([-1.0, 1.0]).repeat(250)  # black, white, black, ...
flat = colour[:, None, None].expand(-1, side, side)
leak = {}
for name, s in schedules.items():
    x_1, _ = add_noise(flat, 1.0, s, generator=generator)
    leak[name] = float((x_1.mean(dim=(1, 2)).sign() == colour).float().mean())
plots.bars(
    leak,
    xlabel=f"share of {side} x {side} images whose brightness is guessed from x_1",
    form="{:.0%}",
    control="flow",
    references={"chance": 0.5},
    title="The linear schedule leaks the brightness of an image into its noise",
)

# %%
claims.check("linear: the last noise still tells black from white", leak["linear"], ">", 0.65)
claims.check("control: with alpha(1) = 0 it tells nothing", leak["flow"], "within", (0.4, 0.6))

# %% [markdown]
# This leak is real. What generates starts from noise without a leak, so a model that was trained with one cannot paint very dark or very
# bright pictures (Lin et al. 2023). Two more limits of the sentence:
#
# - *Gaussian noise* suits data whose values are numbers on a scale. Tokens, the pieces of a text, are names. Adding 0.3 to the word "cat"
#   means nothing. Lesson 06 shows what language models do instead.
# - *The model learns by adding noise*: no. Nothing in this lesson learned to generate. Noising makes the examples. Lesson 02 learns from them.

# %% [markdown]
# ## What was measured

# %%
claims.table()

# %% tags=["nbval-check-output"]
claims.verdicts()

# %% [markdown]
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
# - Song et al. 2021, *Score-based generative modeling through stochastic differential equations*, arXiv:2011.13456: continuous time.
# - Székely & Rizzo 2013, *Energy statistics: a class of statistics based on distances*: the energy distance.
# - Ho et al. 2020, *Denoising diffusion probabilistic models*, arXiv:2006.11239: equation 4 is the jump.
# - Nichol & Dhariwal 2021, *Improved DDPM*, arXiv:2102.09672: the cosine schedule.
# - Kingma et al. 2021, *Variational diffusion models*, arXiv:2107.00630: why only the signal-to-noise ratio matters.
# - Liu et al. 2022, *Flow straight and fast*, arXiv:2209.03003: the straight line.
# - Lin et al. 2023, *Common diffusion noise schedules and sample steps are flawed*, arXiv:2305.08891: the leak.
