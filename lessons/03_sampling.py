# %% [markdown]
# # 03 · Sampling
#
# **A trained denoiser is given. How do you get from noise to data, in how many calls of the network, and must there be chance in it?**
#
# After this lesson you can
#
# - write DDIM, DDPM, Heun and DPM-Solver++(2M) in a few lines each, and say which formula they share;
# - tell the error of a sampler from the error of the network, and measure both;
# - choose a sampler, a time grid and a number of calls by measurement, and know what one call can do.
#
# *35 minutes to read, an hour for the exercises, about 80 seconds to run on two cores. Needs lessons 01 and 02. The quoted claims are from [the article](../docs/article.md).
# Each exercise is solved in [the answer booklet](answers/03_sampling.ipynb).*

# %% tags=["setup"]
import copy
import math
from itertools import pairwise

import torch
from torch import Tensor

from course_utils import data, diffusion, measure, recipes, training
from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets
from course_utils.records import Prediction, last

course = setup("03", seed=0)
claims = Claims("03")
sizes = course.sizes(
    cpu=dict(ring_steps=1000, student_steps=1000, points=2000, images=200),
    gpu=dict(ring_steps=3000, student_steps=3000, points=4000, images=200),
)

# %% [markdown]
# ## The claim
#
# > *The model learns to reverse this process starting from pure noise and gradually removing it step-by-step to create realistic samples.*
#
# > *Creates data through iterative refinement (typically 50-1000 steps).*
#
# > *Stochastic (probabilistic) generation process.*
#
# Three claims: *gradually*, *50-1000*, *stochastic*. First we watch. The network below was trained on handwritten digits as in lesson 02, for longer, and comes with the course.

# %%
painter = recipes.load("digits", course.device)
asked = torch.arange(sizes.images, device=course.device) % 10  # 0, 1, ... 9, 0, 1, ...
noise = torch.randn(sizes.images, 1, 16, 16, generator=torch.Generator().manual_seed(1))
noise = noise.to(course.device)

steps = list(diffusion.sample(painter, noise.shape, num_steps=25, cond=asked, x_start=noise))
on_the_way = torch.stack([noise, *(steps[k - 1].state for k in (5, 10, 15, 20, 25))])

# %% [markdown]
# *The figure: ten images from pure noise (above) to the end (below), 25 calls of the network in all. From which row on could you name the digit?*

# %% tags=["measure"]
# @title Ten digits on their way
plots.image_grid(
    on_the_way[:, :10].clamp(-1, 1),
    rows=[f"t = {t:.1f}" for t in (1, 0.8, 0.6, 0.4, 0.2, 0)],
    columns=[str(k) for k in range(10)],
    title="From pure noise to ten digits in 25 calls",
    alt="Six rows of ten images. The first is noise; a shape shows in the fourth row, where t is "
    "0.4; the last row holds clear white digits 0 to 9 on black.",
)

# %% [markdown]
# ## One step
#
# Where do these states come from? Lesson 02 ended with a step: guess the data and the noise, and mix both again for a slightly earlier time $s$. Here is that step with one more
# setting. Of the noise that belongs at time $s$, a part $f$ may be drawn anew:
#
# $$x_s = \alpha_s\,\hat x_0 + \sqrt{\sigma_s^2 - f^2}\;\hat\varepsilon + f\,z, \qquad z \text{ fresh noise}$$


# %%
def mixed(said: Prediction, alpha: float, sigma: float, fresh=0.0, z: Tensor | float = 0.0):
    """The state at a noise level, with `fresh` of its noise drawn anew."""
    return alpha * said.x0_hat + (sigma**2 - fresh**2) ** 0.5 * said.eps_hat + fresh * z


# %% [markdown]
# The setting names the sampler:
#
# | $f$ | sampler |
# |---|---|
# | 0 | DDIM (Song et al. 2021); with $\alpha = 1 - t$, $\sigma = t$ this is Euler's method for flow matching |
# | $\eta\,\sigma_s\sqrt{1 - (\alpha_t\sigma_s / \alpha_s\sigma_t)^2}$ | $\eta = 1$: DDPM, the *ancestral* sampler (Ho et al. 2020); between 0 and 1 a mixture |
# | $\sigma_s$ | all noise is drawn anew; we need it at the end of this lesson |
#
# The second is the spread that $x_s$ has when $x_t$ and $x_0$ are known. The whole sampler:


# %%
def walk(model, x: Tensor, times: list[float], eta=0.0, generator=None) -> Tensor:
    """From x at times[0] to times[-1]: DDIM for eta = 0, DDPM for eta = 1."""
    for t, s in pairwise(times):
        (alpha_t, sigma_t), (alpha, sigma) = model.schedule.level(t), model.schedule.level(s)
        fresh = eta * sigma * max(0.0, 1 - (alpha_t * sigma / (alpha * sigma_t)) ** 2) ** 0.5
        z = torch.randn(x.shape, generator=generator).to(x) if fresh else 0.0
        x = mixed(model(x, t), alpha, sigma, fresh, z)
    return x


# %% [markdown]
# To test samplers without the errors of a network we need a network without errors. The ring of lesson 02, eight Gaussians on a circle, has one: its exact denoiser is a formula.

# %%
ring, schedule = data.ring_mixture(), diffusion.Cosine()
exact = diffusion.GaussianMixtureDenoiser(ring.means, ring.std, schedule).to(course.device)
straight = diffusion.GaussianMixtureDenoiser(ring.means, ring.std, diffusion.Flow())
straight = straight.to(course.device)
x_T = torch.randn(sizes.points, 2, generator=torch.Generator().manual_seed(2)).to(course.device)
grid = diffusion.times_even(schedule, 20)  # 1, 0.95, ... 0


def seeded(number: int) -> torch.Generator:
    """A source of random numbers that begins at `number`."""
    return torch.Generator().manual_seed(number)


def euler(model, x: Tensor, times: list[float]) -> Tensor:
    """Euler's method for dx/dt = eps_hat - x0_hat."""
    for t, s in pairwise(times):
        said = model(x, t)
        x = x + (s - t) * (said.eps_hat - said.x0_hat)
    return x


def end(model, step=diffusion.ddim, x=x_T, **options) -> Tensor:
    """Where the package's `sample` ends, from the same noise each time."""
    return last(diffusion.sample(model, x.shape, step=step, x_start=x, **options)).state


# %% tags=["measure"]
# @title The page, the package, and the papers' names
pairs = {
    "walk with eta = 0 is the package's ddim": (walk(exact, x_T, grid), end(exact, num_steps=20)),
    "walk with eta = 1 is the package's ancestral()": (
        walk(exact, x_T, grid, 1.0, seeded(3)),
        end(exact, diffusion.ancestral(generator=seeded(3)), num_steps=20),
    ),
    "under Flow, walk is Euler's method": (walk(straight, x_T, grid), euler(straight, x_T, grid)),
}
for text, (ours, theirs) in pairs.items():
    claims.check(f"{text} (largest difference)", (ours - theirs).abs().max(), "<", 1e-3)

# %% [markdown]
# ## Must there be chance?
#
# *Stochastic generation.* **Guess first:** run each sampler twice from the same 2,000 noises. What share of the points ends in the same cluster both times?


# %% tags=["measure"]
# @title The same noise twice
def cluster(x: Tensor) -> Tensor:
    """The number of the nearest cluster, for each point."""
    return torch.cdist(x, exact.means).argmin(1)


twice = {"DDIM": [end(exact, num_steps=100) for _ in range(2)]}
twice["ancestral"] = [
    end(exact, diffusion.ancestral(generator=seeded(k)), num_steps=100) for k in (3, 4)
]
same = {}
for name, (one, other) in twice.items():
    same[name] = float((cluster(one) == cluster(other)).float().mean())
    print(f"{name:10} {same[name]:.1%} in the same cluster (chance: 12.5 %)")
identical = torch.equal(*twice["DDIM"])
claims.check("DDIM twice from the same noise: identical to the bit", identical, "==", True)
claims.check("ancestral twice: share in the same cluster", same["ancestral"], "within", (0.09, 0.16))

# %% [markdown]
# DDIM is a function: the noise at the start decides everything. Ancestral steps forget it entirely; where they end is as good as a new draw. So chance is needed once, at the start. Chance
# along the way is a choice. What it buys, we measure below.

# %% [markdown]
# ## Better steps
#
# During a step of DDIM the two guesses stay what they were at its beginning. For small steps the state moves by $\mathrm dx = \hat x_0\,\mathrm d\alpha + \hat\varepsilon\,\mathrm d\sigma$: an ordinary
# differential equation (ODE), and DDIM is its simplest solver. Two ways to do better.
#
# **Heun's method** (Karras et al. 2022) asks twice: at the start, and where the step would end. It takes the mean of both directions.


# %%
def heun(model, x: Tensor, t: float, s: float) -> Tensor:
    """One step of Heun's method, from time t to s: two calls, or one where s is 0."""
    (alpha_t, sigma_t), (alpha, sigma) = model.schedule.level(t), model.schedule.level(s)

    def direction(said: Prediction) -> Tensor:
        return (alpha - alpha_t) * said.x0_hat + (sigma - sigma_t) * said.eps_hat

    here = direction(model(x, t))
    if s == 0:
        return x + here
    return x + (here + direction(model(x + here, s))) / 2


# %% [markdown]
# **DPM-Solver++(2M)** (Lu et al. 2022) asks once, and remembers. Through the last two guesses of the data it draws a line, and takes the guess half a step ahead. The
# axis of that line is the log signal-to-noise ratio (SNR) of lesson 01, the real clock of noise.


# %%
def solver_2m(model, x: Tensor, times: list[float]) -> Tensor:
    """DPM-Solver++(2M) from x at times[0] to times[-1], one call a step."""
    snr = [float(model.schedule.log_snr(t)) for t in times]
    for k, (t, s) in enumerate(pairwise(times)):
        (alpha_t, sigma_t), (alpha, sigma) = model.schedule.level(t), model.schedule.level(s)
        x0 = guess = model(x, t).x0_hat
        if k > 0 and s > 0:
            ahead = (snr[k + 1] - snr[k]) / (snr[k] - snr[k - 1])
            guess = x0 + ahead / 2 * (x0 - before)
        before = x0
        x = alpha * guess + sigma * (x - alpha_t * guess) / sigma_t
    return x


# %% [markdown]
# At $t = 1$ the log SNR is minus infinity, so on the page we start at 0.99. The package's version treats that case.

# %%
late = [0.99 * t for t in grid]
by_heun = x_T
for t, s in pairwise(late):
    by_heun = heun(exact, by_heun, t, s)
options = dict(times=late, t_start=0.99)
pairs = {
    "heun is the package's": (by_heun, end(exact, diffusion.heun, **options)),
    "solver_2m is the package's dpm_solver_2m()": (
        solver_2m(exact, x_T, late),
        end(exact, diffusion.dpm_solver_2m(), **options),
    ),
}
for text, (ours, theirs) in pairs.items():
    claims.check(f"{text} (largest difference)", (ours - theirs).abs().max(), "<", 1e-3)

# %% [markdown]
# ## How fast does the error fall?
#
# A solver is of **order** $p$ if $n$ times as many steps make the error $n^p$ times smaller. To measure it we need the true path. For a single Gaussian $\mathcal N(m, d^2)$ it is
# known: what is left of $x_t$ after $\alpha m$ is taken away scales with its own standard deviation $\sqrt{\alpha^2 d^2 + \sigma^2}$.
#
# **Guess first:** which orders do the three have?

# %%
gaussian = diffusion.GaussianMixtureDenoiser(torch.ones(1, 2).double(), 0.3, schedule)
x_begin = torch.randn(50, 2, generator=seeded(5), dtype=torch.float64)
wide_start, (alpha, sigma) = 1.0, schedule.level(0.25)
truth = alpha + (x_begin - schedule.level(1.0)[0]) * math.hypot(0.3 * alpha, sigma) / wide_start

# %% tags=["measure"]
# @title The error at t = 1/4 against the number of steps, and the slope of each line
makers = {
    "DDIM": lambda: diffusion.ddim,
    "Heun": lambda: diffusion.heun,
    "2M": diffusion.dpm_solver_2m,
}
numbers = [20, 40, 80, 160, 320]


def error_on_the_way(make, num_steps: int) -> float:
    """Largest distance from the true path at t = 1/4."""
    run = diffusion.sample(gaussian, (50, 2), num_steps=num_steps, step=make(), x_start=x_begin)
    state = next(step.state for step in run if step.t < 0.25 + 1e-9)
    return float((state - truth).abs().max())


def slope(x: list[float], y: list[float]) -> tuple[float, float]:
    """Slope of the line through (log x, log y), and its standard error."""
    x, y = (torch.tensor(z, dtype=torch.float64).log() for z in (x, y))
    x, y = x - x.mean(), y - y.mean()
    fitted = (x @ y) / (x @ x)
    rest = (y - fitted * x).square().sum() / (len(x) - 2)
    return float(fitted), float((rest / (x @ x)).sqrt())


errors = {name: [error_on_the_way(make, n) for n in numbers] for name, make in makers.items()}
for name, wanted in {"DDIM": 1, "Heun": 2, "2M": 2}.items():
    fitted, error = slope(numbers, errors[name])
    print(f"{name:5} order {-fitted:.3f} ± {error:.3f}")
    claims.check(f"order of {name}", -fitted, "within", (wanted - 0.15, wanted + 0.15))
plots.curves(
    {name: (numbers, values) for name, values in errors.items()},
    xlabel="steps (Heun: two calls each)",
    ylabel="largest error",
    logx=True,
    logy=True,
    styles={name: {"marker": "o"} for name in errors},
    title="Twice the steps: half the error by DDIM, a quarter by Heun and 2M",
    alt="Three straight lines on logarithmic axes. That of DDIM falls with slope -1; those of Heun "
    "and 2M lie lower and fall with slope -2.",
)

# %% [markdown]
# We looked at $t = 1/4$ on purpose. In the very last step, to $t = 0$, this schedule's $\sigma$ begins like a square root, and no solver keeps its order there.

# %% tags=["measure"]
# @title What this lesson found
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts, without numbers
claims.verdicts()
