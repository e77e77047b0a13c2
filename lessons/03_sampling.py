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
# *50 minutes to read, an hour for the exercises, about 80 seconds to run on two cores. Needs lessons 01 and 02. The quoted claims are from [the article](../docs/article.md).
# Each exercise is solved in [the answer booklet](answers/03_sampling.ipynb).*

# %% tags=["setup"]
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

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
from course_utils import diffusion, recipes
from course_utils.records import Prediction, last

painter = recipes.load("digits", course.device)
asked = torch.arange(sizes.images, device=course.device) % 10  # 0, 1, ... 9, 0, 1, ...
noise = torch.randn(sizes.images, 1, 16, 16, generator=torch.Generator().manual_seed(1))
noise = noise.to(course.device)

steps = list(diffusion.sample(painter, noise.shape, num_steps=25, cond=asked, x_start=noise))
on_the_way = torch.stack([noise, *(steps[k - 1].state for k in (5, 10, 15, 20, 25))])

# %% [markdown]
# *The figure: ten images from pure noise (above) to the end (below), 25 calls of the network in all (DDIM, even times). From which row on could you name the digit?*

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
# Where do these states come from? Lesson 02 ended with a step: guess the data and the noise in $x_t = \alpha_t\,\hat x_0 + \sigma_t\,\hat\varepsilon$, and mix both again for a slightly earlier
# time $s$. Here is that step with one more setting. Of the noise that belongs at time $s$, a part $f$ may be drawn anew:
#
# $$x_s = \alpha_s\,\hat x_0 + \sqrt{\sigma_s^2 - f^2}\;\hat\varepsilon + f\,z, \qquad z \text{ fresh noise}$$
#
# Why may it? Independent noises add by their variances, and $(\sigma_s^2 - f^2) + f^2 = \sigma_s^2$: the noise has the right size, whatever $f$ is, as long as the guess of it is right. (In code `schedule.level(t)` gives $\alpha$ and $\sigma$ as numbers, `schedule.at(t, x)` as tensors that fit x, `schedule.log_snr(t)` what it says.)


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
# Why the second? Take the true $x_0$ as known. The noise in $x_s$ has the standard deviation $\sigma_s$, and going on to $x_t$ adds more. Of the variance $\sigma_t^2$ in $x_t$ the part $(\alpha_t\sigma_s/\alpha_s)^2$ is old and the rest was added.
# Given the sum of two Gaussians, what stays open of the first is its variance times the share of the other: $\sigma_s^2\,(1 - (\alpha_t\sigma_s / \alpha_s\sigma_t)^2)$. With that $f$ the sampler runs the noising backwards with the right distribution, if the guess is right. The whole sampler:


# %%
def walk(model, x: Tensor, times: list[float], eta=0.0, generator=None) -> Tensor:
    """From x at times[0] to times[-1]: DDIM for eta = 0, DDPM for eta = 1."""
    for t, s in pairwise(times):
        (alpha_t, sigma_t), (alpha, sigma) = model.schedule.level(t), model.schedule.level(s)
        kept = alpha_t * sigma / (alpha * sigma_t)  # share of the noise at t that was there at s
        fresh = eta * sigma * max(0.0, 1 - kept**2) ** 0.5
        z = torch.randn(x.shape, generator=generator).to(x) if fresh else 0.0
        x = mixed(model(x, t), alpha, sigma, fresh, z)
    return x


# %% [markdown]
# To test samplers without the errors of a network we need a network without errors. The ring of lesson 02, eight Gaussians on a circle, has one: its exact denoiser is a formula.

# %%
from course_utils import data

ring, schedule = data.ring_mixture(), diffusion.Cosine()
exact = diffusion.GaussianMixtureDenoiser(ring.means, ring.std, schedule).to(course.device)
straight = diffusion.GaussianMixtureDenoiser(ring.means, ring.std, diffusion.Flow())
straight = straight.to(course.device)
x_T = torch.randn(sizes.points, 2, generator=torch.Generator().manual_seed(2)).to(course.device)
grid = diffusion.times_even(schedule, 20)  # 1, 0.95, ... 0


def euler(model, x: Tensor, times: list[float]) -> Tensor:
    """Euler's method for dx/dt = eps_hat - x0_hat."""
    for t, s in pairwise(times):
        said = model(x, t)
        x = x + (s - t) * (said.eps_hat - said.x0_hat)
    return x


# %% [markdown]
# *The figure: two noises and their way to the ring by each sampler. What differs?*


# %% tags=["measure"]
# @title The page is the package
def seeded(number: int) -> torch.Generator:
    """A source of random numbers that begins at `number`."""
    return torch.Generator().manual_seed(number)


def end(model, step=diffusion.ddim, x=x_T, **options) -> Tensor:
    """Where the package's `sample` ends, from the same noise each time."""
    return last(diffusion.sample(model, x.shape, step=step, x_start=x, **options)).state


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

# %% tags=["measure"]
# @title Two ways from the same noise, by each sampler
figure, axes = plots.panels(
    2,
    title="DDIM goes smoothly, ancestral steps wander",
    titles=["DDIM", "ancestral"],
    size=(8.0, 4.2),
    alt="Two panels with eight grey clusters on a circle and two coloured ways, from a dot to a square, that end in them: "
    "smooth arcs by DDIM, jagged ways by ancestral steps.",
)
begin = torch.tensor([[0.5, 0.2], [-0.4, -1.9]], device=course.device)  # two noises
for ax, step in zip(axes, (diffusion.ddim, diffusion.ancestral(generator=seeded(3))), strict=True):
    ax.scatter(*ring.sample(1000, generator=seeded(0)).T, s=2, color="0.8")
    run = diffusion.sample(exact, (2, 2), num_steps=100, step=step, x_start=begin)
    ways = torch.stack([begin, *(here.state for here in run)]).cpu()
    for way, color in zip(ways.unbind(1), (plots.PURPLE, plots.ORANGE), strict=True):
        ax.plot(*way.T, color=color, linewidth=1.2)
        ax.plot(*way[0], "o", color=color)
        ax.plot(*way[-1], "s", color=color)
    ax.set(xlim=(-3, 3), ylim=(-2.2, 2.2), aspect="equal")
figure

# %% [markdown]
# ## Must there be chance?
#
# *Stochastic generation.* **Guess first:** noise 2,000 real points to time $t$, and run each sampler twice from there. What share of the points ends in the same cluster both times? By when is a cluster chosen?


# %% tags=["measure"]
# @title Do two runs end in one cluster?
def cluster(x: Tensor) -> Tensor:
    """The number of the nearest cluster, for each point."""
    return torch.cdist(x, exact.means).argmin(1)


real_points = ring.sample(sizes.points, generator=seeded(2)).to(course.device)


def agree(t: float) -> float:
    """Share of points that two ancestral runs from the same states at t end in one cluster."""
    level = torch.full((len(real_points),), t, device=course.device)
    x, _ = diffusion.add_noise(real_points, level, schedule, generator=seeded(6))
    ends = [
        end(exact, diffusion.ancestral(generator=seeded(k)), x, num_steps=50, t_start=t)
        for k in (3, 4)
    ]
    return float((cluster(ends[0]) == cluster(ends[1])).float().mean())


# %% tags=["measure"]
# @title How many end in the same cluster, by the time at which both runs begin
since = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
same = [agree(t) for t in since]
once, again = (end(exact, num_steps=100) for _ in range(2))
claims.check(
    "DDIM twice from the same noise: identical to the bit", torch.equal(once, again), "==", True
)
claims.check(
    "ancestral twice from t = 0.9: share in the same cluster", same[-1], "within", (0.09, 0.17)
)
claims.check("ancestral twice from t = 0.2: share in the same cluster", same[1], ">", 0.7)
plots.curves(
    {"ancestral": (since, same), "DDIM": (since, [1.0] * len(since))},
    references={"reference: chance": 1 / 8},
    xlabel="time t at which both runs begin",
    ylabel="share in the same cluster",
    styles={"ancestral": {"marker": "o", "color": plots.ORANGE}, "DDIM": {"color": plots.PURPLE}},
    size=(8.0, 3.2),
    title="Ancestral steps choose the cluster on the way, DDIM at the start",
    alt="The curve of ancestral steps falls from nearly 1 at t = 0.1 to chance, one eighth, at "
    "t = 0.8. That of DDIM is 1 everywhere.",
)

# %% [markdown]
# DDIM is a function: the noise at the start decides everything. Ancestral steps choose late: at $t = 0.2$ most clusters are chosen, at $t = 0.4$ fewer than half. (At $t = 1$ nothing else could come of ancestral steps: $\alpha = 0$ there, so $f = \sigma_s$, and the first step throws the starting noise away.) So chance is
# needed once, at the start. Chance along the way is a choice. What it buys, we measure below.

# %% [markdown]
# ## Better steps
#
# During a step of DDIM the two guesses stay what they were at its beginning. For small steps the state moves by $\mathrm dx = \hat x_0\,\mathrm d\alpha + \hat\varepsilon\,\mathrm d\sigma$: an ordinary
# differential equation (ODE), and DDIM is its simplest solver. Two ways to do better.
#
# **Heun's method** (Karras et al. 2022) asks twice: at the start, and where the step of DDIM ends. It takes the mean of both directions. At $s = 0$ it asks once: no noise is left there to ask about.


# %%
def heun(model, x: Tensor, t: float, s: float) -> Tensor:
    """One step of Heun's method, from time t to s: two calls, or one where s is 0."""
    (alpha_t, sigma_t), (alpha, sigma) = model.schedule.level(t), model.schedule.level(s)

    def direction(said: Prediction) -> Tensor:
        return (alpha - alpha_t) * said.x0_hat + (sigma - sigma_t) * said.eps_hat

    here = direction(model(x, t))  # x + here is mixed(model(x, t), alpha, sigma), DDIM's step
    if s == 0:
        return x + here
    return x + (here + direction(model(x + here, s))) / 2


# %% [markdown]
# **DPM-Solver++(2M)** (Lu et al. 2022) asks once, and remembers. Through the last two guesses of the data it draws a line, and takes the guess half a step ahead. The
# axis of that line is the log signal-to-noise ratio (SNR) of lesson 01: on it equal steps change the noise by equal factors. The noise is then what that guess leaves over in $x$.


# %%
def solver_2m(model, x: Tensor, times: list[float]) -> Tensor:
    """DPM-Solver++(2M) from x at times[0] to times[-1], one call a step."""
    snr = [float(model.schedule.log_snr(t)) for t in times]
    guesses: list[Tensor] = []
    for k, (t, s) in enumerate(pairwise(times)):
        (alpha_t, sigma_t), (alpha, sigma) = model.schedule.level(t), model.schedule.level(s)
        guesses.append(model(x, t).x0_hat)
        x0 = guesses[k]
        if k > 0 and s > 0:  # at s = 0 the log SNR is infinite
            ahead = (snr[k + 1] - snr[k]) / (snr[k] - snr[k - 1])
            x0 = x0 + ahead / 2 * (guesses[k] - guesses[k - 1])
        x = mixed(Prediction(x0, (x - alpha_t * x0) / sigma_t), alpha, sigma)
    return x


# %% [markdown]
# So all three share `mixed`: Heun averages two of its steps, 2M gives it a better guess. At $t = 1$ the log SNR is minus infinity, so on the page we start at 0.99. (The package treats that step on its own.)

# %% tags=["measure"]
# @title Both are the package's
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
# known: what is left of $x_t$ after $\alpha m$ is taken away scales with its own standard deviation $\sqrt{\alpha^2 d^2 + \sigma^2}$. Here $m = 1$ and $d = 0.3$.
#
# **Guess first:** which orders do the three have?

# %%
import math

gaussian = diffusion.GaussianMixtureDenoiser(torch.ones(1, 2).double(), 0.3, schedule)


def true_state(z: Tensor, t: float) -> Tensor:
    """Where the path that belongs to z (B, 2) is at time t."""
    alpha, sigma = schedule.level(t)
    return alpha + math.hypot(0.3 * alpha, sigma) * z


# %% [markdown]
# We start on the true path at $t = 3/4$ and compare at $t = 1/4$.

# %% tags=["measure"]
# @title How an order is measured
makers = {
    "DDIM": lambda: diffusion.ddim,
    "Heun": lambda: diffusion.heun,
    "2M": diffusion.dpm_solver_2m,
}
colors = {"DDIM": plots.PURPLE, "ancestral": plots.ORANGE, "Heun": plots.SKY, "2M": plots.CLEAN}
numbers = [12 * 2**k for k in range(6)]
z = torch.randn(50, 2, generator=seeded(5), dtype=torch.float64)


def error_on_the_way(make, num_steps: int) -> float:
    """Largest distance from the true path at t = 1/4, of num_steps steps from 3/4 to 0."""
    options = dict(num_steps=num_steps, step=make(), t_start=0.75, x_start=true_state(z, 0.75))
    run = diffusion.sample(gaussian, z.shape, **options)
    state = next(step.state for step in run if step.t < 0.25 + 1e-9)
    return float((state - true_state(z, 0.25)).abs().max())


def slope(x: list[float], y: list[float]) -> tuple[float, float]:
    """Slope of the line through (log x, log y), and its standard error."""
    x, y = (torch.tensor(values, dtype=torch.float64).log() for values in (x, y))
    x, y = x - x.mean(), y - y.mean()
    fitted = (x @ y) / (x @ x)
    rest = (y - fitted * x).square().sum() / (len(x) - 2)
    return float(fitted), float((rest / (x @ x)).sqrt())


# %% tags=["measure"]
# @title The error at t = 1/4 against the number of steps, and the slope of each line
errors = {name: [error_on_the_way(make, n) for n in numbers] for name, make in makers.items()}
for name, order in {"DDIM": 1, "Heun": 2, "2M": 2}.items():
    fitted, error = slope(numbers, errors[name])
    print(f"{name:5} order {-fitted:.3f} ± {error:.3f}")
    claims.check(f"order of {name}", -fitted, "within", (order - 0.1, order + 0.1))
plots.curves(
    {name: (numbers, values) for name, values in errors.items()},
    xlabel="steps (Heun: two calls each)",
    ylabel="largest error",
    logx=True,
    logy=True,
    styles={name: {"marker": "o", "color": colors[name]} for name in errors},
    title="Twice the steps: half the error by DDIM, a quarter by Heun and 2M",
    alt="Three straight lines on logarithmic axes. That of DDIM falls with slope -1; those of Heun "
    "and 2M lie lower and fall with slope -2.",
)

# %% [markdown]
# (*Steps* on the axis: Heun makes two calls in each.) Why not from 1 to 0? At the data end this schedule's $\sigma$ begins like $\sqrt t$ (its small offset does that), so even steps in $t$ are not small there, and 2M's axis is infinite at both ends. Orders describe the middle of the way; at the ends the time grid decides.

# %% [markdown]
# ## Where to spend the calls
#
# Ten calls. Where on the way from noise to data should they be made: near the noise, near the data, or evenly? Four grids from the literature; each has the time 1 first and 0 last, and every time but 0 is a call:
#
# - **even**: $t$ itself is even;
# - **quadratic**: $\sqrt t$ is even (Song et al. 2021);
# - **log SNR**: from 1 it jumps to a first end, goes on evenly in log SNR to a second, and jumps to 0 (Lu et al. 2022);
# - **EDM**: the same, but the seventh roots of $r = \sigma/\alpha$ are even (Karras et al. 2022). A ratio $r$ is a log SNR of $-2 \ln r$: $r = 5$ is -3.2, $r = 0.05$ is 6.

# %%
Grid = diffusion.times_even_in_snr
grids = {
    "even": diffusion.times_even,
    "quadratic": diffusion.times_quadratic,
    "log SNR -7 to 6": lambda schedule, n: Grid(schedule, n, -7, 6),
    "log SNR -2 to 7": lambda schedule, n: Grid(schedule, n, -2, 7),
    "log SNR -3 to 4": lambda schedule, n: Grid(schedule, n, -3, 4),
    "EDM 20 to 0.05": lambda schedule, n: diffusion.times_karras(schedule, n, 0.05, 20),
    "EDM 5 to 0.05": lambda schedule, n: diffusion.times_karras(schedule, n, 0.05, 5),
}

# %% tags=["measure"]
# @title The times of ten steps
print("log SNR -2 to 7:", *(f"{t:.3f}" for t in grids["log SNR -2 to 7"](schedule, 10)))
figure = plots.curves(
    {name: (make(schedule, 10)[::-1], [-k] * 11) for k, (name, make) in enumerate(grids.items())},
    xlabel="time t: data at 0, noise at 1",
    styles={name: {"marker": "|", "linestyle": "none", "color": plots.PURPLE} for name in grids},
    size=(8.0, 3.0),
    title="Seven ways to spend ten steps",
    alt="Seven rows of eleven ticks between 0 and 1: evenly spread in the first, crowded towards 0 "
    "in the others.",
)
figure.axes[0].set_yticks([])
figure

# %% [markdown]
# We measure the error of the solver alone: the mean distance between where it ends and where the path of the exact denoiser ends, from the same noise. (That end is found by 1,000 steps of Heun in double precision; more steps, or ends farther out, move it no more.)
# Heun gets five steps, nine calls.
#
# **Guess first:** which matters more for 2M, the shape of the grid or its ends?

# %% tags=["measure"]
# @title Ten calls: distance from the end of the path, by grid and solver
double = diffusion.GaussianMixtureDenoiser(ring.means.double(), ring.std, schedule)
double = double.to(course.device)
path_end = end(double, diffusion.heun, x_T.double(), times=Grid(schedule, 1000, -12, 16.5))
off = {}
print(f"{'':16}" + "".join(f"{name:>8}" for name in makers))
for grid_name, make_grid in grids.items():
    for name, make in makers.items():
        stops = make_grid(schedule, 5 if name == "Heun" else 10)
        away = (end(exact, make(), times=stops) - path_end).norm(dim=1)
        off[name, grid_name] = float(away.mean())
    print(f"{grid_name:16}" + "".join(f"{off[name, grid_name]:8.3f}" for name in makers))

best = {name: min(off[name, grid_name] for grid_name in grids) for name in makers}
worst = {name: max(off[name, grid_name] for grid_name in grids) for name in makers}
ends = off["2M", "log SNR -7 to 6"] / off["2M", "log SNR -2 to 7"]
claims.check("2M: error on its worst grid / on its best", worst["2M"] / best["2M"], ">", 3)
claims.check("DDIM: error on its worst grid / on its best", worst["DDIM"] / best["DDIM"], "<", 2.5)
claims.check("2M: error with the ends -7 to 6 / with -2 to 7", ends, ">", 2)
claims.check("error on the even grid: 2M / DDIM", off["2M", "even"] / off["DDIM", "even"], ">", 0.9)
claims.check("error, each on its best grid: 2M / DDIM", best["2M"] / best["DDIM"], "<", 0.5)

# %% [markdown]
# On the even grid order 2 buys nothing with ten calls: 2M and Heun are no nearer than DDIM. On a grid that fits, 2M is several times nearer than DDIM on *its* best. The ends matter as much as the shape: calls at a log SNR of -7
# are wasted here, because there the best guess is nearly the mean of all data, whatever the state; and a second end that is too early leaves a long last step, which goes to the guess itself, an average, and shrinks the clusters.
# Where such ends lie depends on the data. The **quadratic** grid has no ends to choose, and is best or near it for DDIM and Heun: from here on every sampler gets it.

# %% [markdown]
# ### Exercise 03.1 - EDM's noise levels (10 min, easy)
#
# EDM writes a noise level as one number, the ratio $r = \sigma/\alpha$. At a share $u$ of the way, from 0 to 1, the level should be where its $\rho$-th root has moved evenly from that of `high`
# to that of `low`. Return the level for each share.
#
# <details><summary>Hint</summary>
#
# Take the roots of both ends, go the share $u$ of the way from one to the other, and raise to the power of $\rho$ again.
#
# </details>


# %% tags=["exercise"]
def noise_ratios(u: Tensor, low: float, high: float, rho: float) -> Tensor:
    """Return the noise ratio sigma / alpha at each share of the way from noise to data.

    Args:
        u: (N,) shares in [0, 1]; 0 is `high`, 1 is `low`.
        low: the smallest level, above 0.
        high: the largest level.
        rho: which root moves evenly, at least 1.

    Returns:
        (N,) levels.
    """
    # BEGIN SOLUTION
    first, final = high ** (1 / rho), low ** (1 / rho)
    return (first + u * (final - first)) ** rho
    # END SOLUTION


# %% tags=["check"]
checks.run("03.1", noise_ratios)

# %% [markdown]
# ## How many calls?
#
# Now the signature question: quality against calls, for the exact denoiser and for trained networks. The first shows the error of the sampler alone. The second adds that of
# the network. We train the network of lesson 02 on three seeds; it predicts $v$.


# %% tags=["measure"]
# @title Three networks learn the ring
from course_utils import training


def train_on_ring(seed: int) -> diffusion.Denoiser:
    """The training of lesson 02."""
    points = ring.sample(20_000, generator=seeded(seed)).to(course.device)
    torch.manual_seed(seed)
    model = diffusion.Denoiser(diffusion.PointMLP(width=64).to(course.device), schedule, "v")
    training.fit(
        model,
        data.Batches(points, batch_size=256, seed=seed),
        diffusion.denoising_loss,
        num_steps=sizes.ring_steps,
        optimizer=training.adamw(model, 1e-2),
        checkpoint=course.checkpoint(f"ring_{seed}"),
    )
    return model


seeds = (0, 1, 2)
networks = [train_on_ring(seed) for seed in seeds]

# %% [markdown]
# Instruments, each on 2,000 generated points. The **energy distance** of lesson 02 to 4,000 real points, minus what fresh real points get: it compares whole distributions, and hardly
# sees a few points that stray. The **strays**: the share of points farther than three standard deviations (of 0.1 each) from every centre; about 1 % of real points are. And the **spread** of the others about their centres: copies of the
# centres have no strays at all, but no spread either. Each network has its own starting noise.
#
# **Guess first:** from how many calls on is each sampler as good as it gets? And what will be left then, with a trained network?

# %% tags=["measure"]
# @title The instruments, on real points and on a fake
from course_utils import measure

held_out = ring.sample(4000, generator=seeded(1000)).to(course.device)


def judged(x: Tensor) -> tuple[float, float, float]:
    """Energy distance to real points, share of strays, and spread of the others."""
    near = measure.modes(x, exact.means, 3 * ring.std)
    return measure.energy_distance(x, held_out), 1 - near.on_mode, near.spread


fresh = [
    judged(ring.sample(sizes.points, generator=seeded(1001 + k)).to(course.device))
    for k in range(8)
]
floor, real_strays, real_spread = (measure.Scatter.of(v) for v in zip(*fresh, strict=True))
print(f"real points: distance {floor.mean:.5f} ± {floor.std:.5f}", end=", ")
print(f"strays {real_strays.mean:.2%} ± {real_strays.std:.2%}", end=", ")
print(f"spread {real_spread.mean:.4f} ± {real_spread.std:.4f}")
_, *fake = judged(exact.means.repeat(250, 1))
print(f"fake, 250 copies of each centre: strays {fake[0]:.2%}, spread {fake[1]:.4f}")


# %% tags=["measure"]
# @title Each sampler with each number of calls, on four denoisers
def settings(sampler: str, calls: int, noise: int = 7) -> dict:
    """What `sample` needs for this sampler to make this number of calls."""
    steps = (calls + 1) // 2 if sampler == "Heun" else calls
    step = {
        "DDIM": diffusion.ddim,
        "ancestral": diffusion.ancestral(generator=seeded(noise)),
        "Heun": diffusion.heun,
        "2M": diffusion.dpm_solver_2m(),
    }[sampler]
    return dict(step=step, times=diffusion.times_quadratic(schedule, steps))


tried = {
    "DDIM": (1, 2, 5, 10, 20, 50, 100),
    "ancestral": (1, 2, 5, 10, 20, 50, 100, 1000),
    "Heun": (3, 5, 9, 19, 49),
    "2M": (5, 7, 10, 20, 50),
}
models = (exact, *networks)
starts = [torch.randn(x_T.shape, generator=seeded(20 + k)).to(x_T) for k in range(len(models))]
distance, strays, spread = {}, {}, {}
for sampler, numbers in tried.items():
    for calls in numbers:
        both = [
            judged(end(model, x=x, **settings(sampler, calls, 30 + k)))
            for k, (model, x) in enumerate(zip(models, starts, strict=True))
        ]
        kinds = zip(*both, strict=True)
        distance[sampler, calls], strays[sampler, calls], spread[sampler, calls] = kinds

# %% [markdown]
# *The figures: strays against calls. The dashed lines are those of real points. Where does each curve become level?*


# %% tags=["measure"]
# @title Strays against calls: the exact denoiser, then the mean of three networks
def strays_against_calls(which: slice, title: str, alt: str):
    """Share of strays in percent, for each sampler, from 3 calls on."""
    lines = {}
    for sampler, numbers in tried.items():
        shown = [n for n in numbers if n > 2]
        rows = torch.tensor([strays[sampler, calls] for calls in shown])[:, which]
        lines[sampler] = (shown, 100 * rows.mean(1))
    return plots.curves(
        lines,
        xlabel="calls of the network",
        ylabel="strays, %",
        logx=True,
        logy=True,
        references={"reference: real": 100 * real_strays.mean},
        styles={name: {"marker": "o", "color": color} for name, color in colors.items()},
        title=title,
        alt=alt,
    )


strays_against_calls(
    slice(0, 1),
    "Exact denoiser: all solvers come to about the share of real points",
    "Curves over the number of calls, both axes logarithmic. All fall to about one percent, 2M and "
    "Heun first; some pass below the dashed line for a while.",
)

# %% tags=["measure"]
# @title The same for trained networks
strays_against_calls(
    slice(1, 4),
    "Trained networks: more strays stay than real points have, fewer by ancestral steps",
    "The curves of DDIM, Heun and 2M fall together and become level well above the dashed line; "
    "that of ancestral steps goes on to about 0.6 of it.",
)

# %% tags=["measure"]
# @title In numbers: mean of three networks, and range
for key in (("DDIM", 10), ("DDIM", 20), ("2M", 10), ("2M", 20), ("2M", 50)):
    print(f"exact, {key[1]} calls of {key[0]}: strays {strays[key][0]:.2%}", end=", ")
    print(f"spread {spread[key][0]:.4f}")
print("networks; in brackets: lowest and highest of the three")
print(f"{'':11}calls   distance above real, in thousandths   strays, %")
for sampler, calls in (
    ("DDIM", 5),
    ("DDIM", 10),
    ("DDIM", 100),
    ("2M", 10),
    ("2M", 50),
    ("ancestral", 50),
    ("ancestral", 1000),
):
    far = measure.Scatter.of(1000 * (d - floor.mean) for d in distance[sampler, calls][1:])
    stray = measure.Scatter.of(100 * share for share in strays[sampler, calls][1:])
    print(f"{sampler:10}{calls:6}   {far!s:38}{stray}")


# %% tags=["measure"]
# @title What is told apart, and what is not
def apart(of: dict, one: tuple, other: tuple) -> measure.Scatter:
    """Difference of two settings on each of the three networks."""
    return measure.Scatter.of(a - b for a, b in zip(of[one][1:], of[other][1:], strict=True))


ten, thousand = ("2M", 10), ("ancestral", 1000)
claims.check(
    "energy distance: 10 calls of 2M minus 1,000 ancestral",
    apart(distance, ten, thousand).mean,
    "within",
    (-0.002, 0.002),
)
claims.check(
    "control: 5 calls of DDIM minus 1,000 ancestral",
    apart(distance, ("DDIM", 5), thousand).low,
    ">",
    0.004,
)
claims.check(
    "strays: 10 calls of 2M minus 1,000 ancestral, least of three",
    apart(strays, ten, thousand).low,
    ">",
    0.008,
)
left = min(strays["2M", 50][1:])
claims.check("trained networks, 50 calls of 2M: strays, least of three", left, ">", 0.017)
claims.check("exact, 20 calls of 2M: strays", strays["2M", 20][0], "within", (0.003, 0.028))
claims.check(
    "exact, 20 calls of 2M: spread / that of real points",
    spread["2M", 20][0] / real_spread.mean,
    "within",
    (0.95, 1.07),
)
claims.check(
    "control: the same spread after 10 calls", spread[ten][0] / real_spread.mean, "<", 0.93
)
claims.check("control: exact, 10 calls of DDIM: strays", strays["DDIM", 10][0], ">", 0.03)

# %% [markdown]
# Two errors, and they part here. With the exact denoiser 20 calls of 2M have the strays *and*, within 3 %, the spread of real points: these instruments nearly no longer see the **solver's** error. Ten calls have few strays
# too, but their clusters are too narrow: a last step that shrinks hides points that went astray, so one number alone would have passed. With networks of this training strays stay after 50 calls of any solver:
# that is the **network's** error, and from about 20 calls on following its path more exactly does not help. (Three times the training brings it from nine to about four percent: see the [log](../docs/experiments.md).)
#
# And the claim? By energy distance we cannot tell 10 calls of 2M from 1,000 ancestral ones; by strays we can. Ancestral steps leave little more than half as many, and 50 calls of them do so already.
# So where one follows the path, *50 to 1,000 steps* is a habit. Where one adds noise, some 50 calls are a price that buys something. What does the noise buy?

# %% [markdown]
# ### Exercise 03.2 - A step that knows its error (15 min, medium)
#
# How would you know that a step is too long, without the true path? Take it twice: once as one DDIM step from $t$ to $s$, and once as two DDIM steps of half the length in $t$. Both are wrong, but not
# equally: for a method of order 1 the error of one step grows with the square of its length. So two half steps are together off by half as much as the one. (Not where $\sigma$ bends sharply, next to $t = 0$: there it is a rule of thumb.)
#
# Return the state with that error taken away, and for each example the estimated error of the two half steps: a length over all coordinates.
#
# <details><summary>Hint</summary>
#
# Let the one step end at truth + 2e, the two at truth + e. Two equations, two unknowns.
#
# </details>


# %% tags=["exercise"]
def halved(denoise, x: Tensor, t: float, s: float, schedule) -> tuple[Tensor, Tensor]:
    """Return the state at time s, and the estimated error of two half steps.

    Args:
        denoise: called as denoise(x, t) with x (B, ...) and a float t; returns x0_hat (B, ...).
        x: (B, ...) the state at time t.
        t: its time.
        s: an earlier time, maybe 0.
        schedule: has alpha(t) and sigma(t) for a float t.

    Returns:
        x_s: (B, ...) better than both.
        error: (B,) Euclidean length of the error of the two half steps.
    """

    # BEGIN SOLUTION
    def ddim(x: Tensor, t: float, s: float) -> Tensor:
        guess = denoise(x, t)
        eps = (x - schedule.alpha(t) * guess) / schedule.sigma(t)
        return schedule.alpha(s) * guess + schedule.sigma(s) * eps

    middle = (t + s) / 2
    one, two = ddim(x, t, s), ddim(ddim(x, t, middle), middle, s)
    return 2 * two - one, (two - one).flatten(1).norm(dim=1)
    # END SOLUTION


# %% tags=["check"]
checks.run("03.2", halved)

# %% [markdown]
# ## What chance along the way repairs
#
# A step with fresh noise keeps only part of the state. Does it forget what went wrong before? To see it we need a network with a *known* error. We take the exact denoiser and push its answer by a constant, in the first coordinate, while $t$ is in a given
# range: once its guess of the noise, by 0.2, once its $v$, by 0.5. The first moves $\hat x_0$ by $0.2\,\sigma/\alpha$, which is more than 12 at $t = 0.99$; the second never moves it by more than 0.5.
#
# **Guess first:** in which range of $t$ does an error hurt DDIM more than ancestral steps, and where is it the other way round?


# %%
class Flawed(torch.nn.Module):
    """A denoiser whose answer is off by `size` in eps or in v, at times from `low` to `high`."""

    def __init__(self, model, kind: str, size: float, low: float, high: float) -> None:
        super().__init__()
        self.model, self.schedule = model, model.schedule
        self.kind, self.size, self.low, self.high = kind, size, low, high

    def forward(self, x_t: Tensor, t: Tensor, cond=None) -> Prediction:
        alpha, sigma = self.schedule.at(t, x_t)
        off = torch.zeros_like(x_t)
        off[:, 0] = self.size * ((t >= self.low) & (t < self.high))
        if self.kind == "v":  # x0_hat = alpha x - sigma v, eps_hat = sigma x + alpha v
            off = alpha * off
        said = self.model(x_t, t)
        return Prediction(said.x0_hat - sigma / alpha * off, said.eps_hat + off)


# %% tags=["measure"]
# @title Distance to the data over where the error sits, eta 0 and 1
spans = [(0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.01)]
flaws = {"eps": 0.2, "v": 0.5}


def with_flaw(kind: str, span: tuple[float, float], eta: float) -> measure.Scatter:
    """Energy distance above real in thousandths: 50 calls from t = 0.99, three starting noises."""
    found = []
    for k in range(3):
        x = torch.randn(x_T.shape, generator=seeded(50 + k)).to(x_T)
        step = diffusion.ancestral(eta, seeded(60 + k))
        x = end(Flawed(exact, kind, flaws[kind], *span), step, x, num_steps=50, t_start=0.99)
        found.append(1000 * (measure.energy_distance(x, held_out) - floor.mean))
    return measure.Scatter.of(found)


harm = {
    (kind, eta): [with_flaw(kind, span, eta) for span in spans]
    for kind in flaws
    for eta in (0.0, 1.0)
}

# %% tags=["measure"]
# @title For both kinds of error
figure, axes = plots.panels(
    2,
    title="Noise along the way repairs a constant error near t = 1, and makes later ones worse",
    titles=["error of 0.2 in eps (logarithmic)", "error of 0.5 in v"],
    alt="Two panels over the time of the error. Near t = 1 DDIM lies far above ancestral steps; in "
    "the middle and later ancestral steps lie above DDIM.",
)
for ax, kind in zip(axes, flaws, strict=True):
    plots.curves(
        {
            name: ([0.1, 0.3, 0.5, 0.7, 0.9], [one.mean for one in harm[kind, eta]])
            for name, eta in (("DDIM", 0.0), ("ancestral", 1.0))
        },
        xlabel="middle of the range of t",
        ylabel="distance above real, thousandths",
        logy=kind == "eps",
        styles={name: {"marker": "o", "color": colors[name]} for name in ("DDIM", "ancestral")},
        ax=ax,
    )
figure

# %% tags=["measure"]
# @title Which suffers more, and where
for kind in flaws:
    first, second = (harm[kind, eta][-1] for eta in (0.0, 1.0))
    claims.check(
        f"{kind} wrong at t > 0.8: DDIM / ancestral, distance", first.mean / second.mean, ">", 3
    )
    first, second = (harm[kind, eta][1] for eta in (0.0, 1.0))
    more = min(b - a for a, b in zip(first.values, second.values, strict=True))
    claims.check(f"{kind} wrong at 0.2 to 0.4: ancestral minus DDIM, least of three", more, ">", 0)

# %% [markdown]
# Near $t = 1$ an error is forgotten step by step: most of it, not all. From the middle on it is the other way round. Each fresh piece of noise has to be removed again, by a network that errs, and there is less way left to
# repair it. That is said of a constant error. A wave in its place was repaired early too, but late it did neither harm nor good ([log](../docs/experiments.md)).
#
# And the strays of our trained networks, of which noise along the way removed nearly half? **Guess first:** is that the noise early on the way, or the noise of the last tenth?


# %% tags=["measure"]
# @title Strays of the trained networks, with fresh noise on a part of the way only
def partly(noisy, number: int):
    """Ancestral steps at the times where noisy(t) holds, DDIM at the others."""
    anew = diffusion.ancestral(generator=seeded(number))

    def step(model, x: Tensor, t: float, s: float):
        return (anew if noisy(t) else diffusion.ddim)(model, x, t, s)

    return step


parts = {
    "nowhere": lambda t: False,
    "only at t > 0.1": lambda t: t > 0.1,
    "only at t < 0.1": lambda t: t <= 0.1,
    "everywhere": lambda t: True,
}
astray = {}
for name, noisy in parts.items():
    shares = []
    for k, network in enumerate(networks):
        fifty = diffusion.times_quadratic(schedule, 50)
        x = end(network, partly(noisy, 30 + k), starts[k + 1], times=fifty)
        shares.append(100 * judged(x)[1])
    astray[name] = measure.Scatter.of(shares)
    print(f"noise {name:16} strays, %: {astray[name]}")
pairs = zip(astray["only at t > 0.1"].values, astray["only at t < 0.1"].values, strict=True)
late = min(early - late for early, late in pairs)
claims.check("strays, %: noise at t > 0.1 minus noise at t < 0.1, least of three", late, ">", 0.5)

# %% [markdown]
# It is the noise of the last tenth, just where it made a constant error worse. Early noise removes little. So noise buys two different things: near $t = 1$ it forgets an error, near the data it brings home points that
# were left between clusters. Which of them counts depends on how a network errs. Ours have strays.

# %% [markdown]
# ### Exercise 03.3 - Up, and down again (25 min, hard)
#
# Noise along the way can be had without ancestral steps. EDM's *churn* goes **back up** in noise before each step: from time $t$ to a noisier time, with fresh noise, and then down by an ordinary
# step. Build that sampler for any schedule. In step $k$ go from `times[k]` up to `ups[k]` with the noise `zs[k]`, and from there by one DDIM step to `times[k + 1]`. Where `ups[k]` is
# `times[k]` nothing is added. (All `times` but the last are below 1, where no data is left to divide by. What is missing of a variance may round to just below 0: clamp it, for a negative Python number to the power 0.5 turns complex.)
#
# <details><summary>Hint</summary>
#
# Going up: the data must end with the factor alpha(up). Which factor does that to x, what does it leave of the noise in x, and what is then missing of sigma(up)^2?
#
# </details>


# %% tags=["exercise"]
def churned(denoise, x: Tensor, times: list, ups: list, schedule, zs: list) -> Tensor:
    """Return the state at times[-1] of a sampler that goes up in noise before each step.

    Args:
        denoise: called as denoise(x, t) with x (B, ...) and a float t; returns x0_hat (B, ...).
        x: (B, ...) the state at times[0].
        times: N + 1 falling times.
        ups: N times, ups[k] at least times[k].
        schedule: has alpha(t) and sigma(t) for a float t.
        zs: N standard normal noises (B, ...).

    Returns:
        (B, ...) the last state.
    """
    # BEGIN SOLUTION
    for (t, s), up, z in zip(pairwise(times), ups, zs, strict=True):
        factor = schedule.alpha(up) / schedule.alpha(t)
        missing = schedule.sigma(up) ** 2 - (factor * schedule.sigma(t)) ** 2
        x = factor * x + missing.clamp(min=0).sqrt() * z
        guess = denoise(x, up)
        eps = (x - schedule.alpha(up) * guess) / schedule.sigma(up)
        x = schedule.alpha(s) * guess + schedule.sigma(s) * eps
    return x
    # END SOLUTION


# %% tags=["check"]
checks.run("03.3", churned)

# %% [markdown]
# ## Digits, and a trap
#
# Does it hold for images? 200 digits, each asked for by its label, from the same noise, by each sampler. A judge, trained on real digits as in lesson 02, gives two instruments: the share that
# it **reads as asked**, and the energy distance of its **features** to real digits. A third is tempting as well: the mean **squared error** to real held-out digits of the same class. (Each guess of the data is clipped to $[-1, 1]$, the range of pixels, and the guess of the noise made to fit. On this grid it hardly matters, on log SNR with 5 calls it does: see the [log](../docs/experiments.md).)
#
# **Guess first:** a single call of DDIM, from pure noise straight to the end, gives a blurred image. What will each of the three say of it?

# %% tags=["measure"]
# @title A judge is trained; then 200 digits by each sampler and number of calls
digits = data.load_digits(16)
train, labels, test, test_labels = (x.to(course.device) for x in (*digits.train, *digits.test))
torch.manual_seed(course.seed)
judge = measure.Judge(16).to(course.device)
training.fit(
    judge,
    data.Batches(train, labels, batch_size=64, seed=course.seed),
    measure.classification_loss,
    num_steps=400,
    optimizer=training.adamw(judge, 3e-3),
    checkpoint=course.checkpoint("judge"),
)


def painted(sampler: str, calls: int, clip: float | None = 1.0) -> Tensor:
    """200 digits, as asked, from the same noise."""
    return end(painter, x=noise, cond=asked, clip=clip, **settings(sampler, calls))


image_calls = {
    "DDIM": (1, 2, 5, 10, 25),
    "ancestral": (5, 10, 25),
    "Heun": (5, 9),
    "2M": (5, 10, 25),
}
images = {
    (sampler, calls): painted(sampler, calls)
    for sampler, numbers in image_calls.items()
    for calls in numbers
}


# %% tags=["measure"]
# @title Three instruments for DDIM
def estimates(distance, *sets: Tensor) -> measure.Scatter:
    """20 estimates of the distance of two sets, or of two parts of one."""
    return measure.subsampled(distance, *sets, size=100, generator=seeded(5))


by = {"features": judge.distance, "pixels": measure.energy_distance}
real = {kind: estimates(distance, test) for kind, distance in by.items()}
away = {
    (kind, *key): estimates(distance, x, test).above(real[kind])
    for kind, distance in by.items()
    for key, x in images.items()
}
same_class = (asked[:, None] == test_labels).float()


def squared_error(x: Tensor) -> float:
    """Mean squared difference to the held-out digits of the same class."""
    squared = torch.cdist(x.flatten(1), test.flatten(1)).square() / x[0].numel()
    return float((same_class * squared).sum() / same_class.sum())


numbers = image_calls["DDIM"]
read = [judge.accuracy(images["DDIM", n], asked) for n in numbers]
error = [squared_error(images["DDIM", n]) for n in numbers]
taken = [int((labels.cpu() == k).nonzero()[n]) for n in range(len(asked) // 10) for k in range(10)]
genuine = train[torch.tensor(taken, device=train.device)]
truly = dict(read=judge.accuracy(genuine, asked), error=squared_error(genuine))
print(f"real digits: read as asked {truly['read']:.1%}, squared error {truly['error']:.3f}")

# %% tags=["measure"]
# @title The three instruments over the calls
figure, axes = plots.panels(
    3,
    title="By squared error one blurred call is best, better than real digits",
    titles=["read as asked", "squared error", "distance by features, in scatters"],
    alt="Three panels over the calls of DDIM, two with a dashed line for real digits. The share "
    "that is read as asked is nearly the same everywhere; the squared error is lowest at one call, "
    "far below real digits; the distance by features is largest there and falls to zero.",
)
features = [away["features", "DDIM", n] for n in numbers]
for ax, values, real_value in zip(
    axes, (read, error, features), (truly["read"], truly["error"], 0.0), strict=True
):
    options = dict(
        logx=True, xlabel="calls of DDIM", styles={"": {"marker": "o", "color": colors["DDIM"]}}
    )
    plots.curves({"": (numbers, values)}, references={"real": real_value}, ax=ax, **options)
figure

# %% tags=["measure"]
# @title The digits of one call, and of 25
plots.image_grid(
    torch.stack([images["DDIM", n][:10] for n in (1, 25)]),
    rows=["1 call", "25 calls"],
    title="One call gives the average digit of each class",
    alt="Two rows of ten digits. Above, blurred but easily read digits 0 to 9. Below, sharp ones in "
    "various hands.",
)

# %% tags=["measure"]
# @title The trap in numbers
claims.check("one call: squared error / that of real digits", error[0] / truly["error"], "<", 0.75)
claims.check("one call: read as asked", read[0], ">=", 0.97)
claims.check("one call: distance by features, in scatters", away["features", "DDIM", 1], ">", 8)
claims.check("25 calls: distance by features, in scatters", away["features", "DDIM", 25], "<", 2)

# %% [markdown]
# From pure noise the best guess of the data is the mean of its class (lesson 02). Nothing has a smaller squared error: of two digits drawn independently of a class it is twice the variance, of the mean and a digit only once. So real digits
# score about twice as badly as the blur. The judge reads the blur as well as real digits. These two do not see what the mean lacks: variety, and sharpness. Tuned by them, this sampler would end with one step and grey averages.
#
# Now all samplers, by a distance. *The table: in units of the scatter of real digits; each estimate takes 100 of the 200 images, and below about 2 it cannot tell them from real ones. How many calls are needed here?*

# %% tags=["measure"]
# @title Distance to real digits, by pixels and by features, for all samplers
print(f"{'':10}calls   pixels   features   read as asked")
for (sampler, calls), x in images.items():
    two = "".join(f"{away[kind, sampler, calls]:9.1f}" for kind in ("pixels", "features"))
    print(f"{sampler:10}{calls:5}{two}{judge.accuracy(x, asked):14.0%}")
for kind in by:
    claims.check(f"2M, 5 calls: distance by {kind}, in scatters", away[kind, "2M", 5], "<", 2)
claims.check("control: DDIM, 2 calls: distance by features", away["features", "DDIM", 2], ">", 4)

# %% [markdown]
# By 200 images and this judge 5 calls are enough, or nearly, for every sampler here. From 10 on nothing tells them apart: the instrument is full. *Enough* is what it can see; on the ring another saw more.

# %% [markdown]
# ## One call?
#
# A path has one end, and its start decides which. So why not learn the end at once? A **consistency model** (Song et al. 2023) is a network that gives the same answer everywhere on one path:
# where the path ends. It is trained by agreement of neighbours. Noise a data point to time $t$; let the trained network, the *teacher*, take one DDIM step to $s$; the
# answers of the student at both places must be the same. Gradients flow at $t$ only. At $t = 0$ the answer is the state itself, a data point: that is known, and each neighbour learns from the one before, up to $t = 1$.
#
# A network that predicts $v$ needs no change for it: its $\hat x_0 = \alpha\,x_t - \sigma\,v$ is $x_t$ where $\sigma = 0$. The loss on the page:


# %%
def agreement(student, average, teacher, x0: Tensor, stops: list[float]) -> Tensor:
    """Mean squared difference of the student's answers at two neighbours of a path."""
    times = torch.tensor(stops).to(x0)
    place = diffusion.stratified_times(len(x0), x0.device) * (len(stops) - 1)  # evenly spread
    place = place.long()
    t, s = times[place], times[place + 1]
    x_t, _ = diffusion.add_noise(x0, t, schedule)
    with torch.no_grad():
        alpha, sigma = schedule.at(s, x0)
        x_s = mixed(teacher(x_t, t), alpha, sigma)
        wanted = average(x_s, s).x0_hat
    return (student(x_t, t).x0_hat - wanted).square().mean()


# %% [markdown]
# `average` is the moving average of the student's own weights. Without it the student runs after its own last answers, and its distance was several times larger ([log](../docs/experiments.md)). The student begins as a copy of its teacher; 16 even stops.


# %%
import copy


def distilled(teacher: diffusion.Denoiser, seed: int) -> diffusion.Denoiser:
    """A student of this network, in as many steps as the teacher had."""
    torch.manual_seed(seed)
    points = ring.sample(20_000, generator=seeded(seed)).to(course.device)
    student = copy.deepcopy(teacher)
    ema = training.EMA(student, decay=0.95)
    stops = diffusion.times_even(schedule, 16)
    training.fit(
        student,
        data.Batches(points, batch_size=256, seed=seed),
        diffusion.consistency_loss(teacher, ema.model, stops),
        num_steps=sizes.student_steps,
        optimizer=training.adamw(student, 1e-2),
        ema=ema,
        checkpoint=course.checkpoint(f"student_{seed}"),
    )
    return ema.model


students = [distilled(teacher, seed) for teacher, seed in zip(networks, seeds, strict=True)]

# %% tags=["measure"]
# @title The loss on the page is the package's
teacher, student = networks[0], students[0]
stops, batch = diffusion.times_even(schedule, 16), x_T[:256]
torch.manual_seed(0)
ours = agreement(student, student, teacher, batch, stops)
torch.manual_seed(0)
theirs = diffusion.consistency_loss(teacher, student, stops)(student, (batch,))
claims.check("agreement is the package's consistency_loss", (ours - theirs).abs(), "<", 1e-5)

# %% [markdown]
# Two calls: take the answer, noise it again to $t = 1/2$ with all noise fresh, and ask once more. That is the third row of our table of settings, $f = \sigma_s$; in the package it is the step `renoise`.
#
# The control is the teacher: with one call, with five in its best way that we know (Heun), and with 25. **Guess first:** how many calls of the teacher is one call of the student worth?


# %% tags=["measure"]
# @title One and two calls, with and without distillation
def in_calls(model, x: Tensor, calls: int, noise: int) -> Tensor:
    """One call; two, with all noise drawn anew between them; five by Heun, or more by 2M."""
    if calls == 2:
        return end(model, diffusion.renoise(seeded(noise)), x, times=[1.0, 0.5, 0.0])
    sampler = {1: "DDIM", 5: "Heun"}.get(calls, "2M")
    return end(model, x=x, **settings(sampler, calls))


few = {}
for name, calls in (
    ("teacher", 1),
    ("teacher", 5),
    ("teacher", 25),
    ("student", 1),
    ("student", 2),
):
    kind = networks if name == "teacher" else students
    few[name, calls] = [
        in_calls(model, starts[k + 1], calls, 40 + k) for k, model in enumerate(kind)
    ]
    far, stray, _ = zip(*map(judged, few[name, calls]), strict=True)
    far = measure.Scatter.of(1000 * (value - floor.mean) for value in far)
    stray = measure.Scatter.of(100 * value for value in stray)
    print(f"{name}, {calls:2} calls: distance above real, thousandths {far!s:24} strays, % {stray}")
    few[name, calls, "distance"], few[name, calls, "strays"] = far, stray
half = real_points.clone()
even_angles = torch.linspace(0, 6.2832, len(half[::2]), device=half.device)
half[::2] = exact.means[0].norm() * torch.stack([even_angles.cos(), even_angles.sin()], 1)
far, stray, _ = judged(half)
print(f"fake, half of the points on the bare circle: {1000 * (far - floor.mean):.1f}, {stray:.1%}")

# %% [markdown]
# *The figure: the first network. Look at what lies between the clusters.*

# %% tags=["measure"]
# @title The points of few calls
plots.scatter(
    {
        f"{name}, {calls} call{'s' * (calls > 1)}": {"model": few[name, calls][0]}
        for name, calls in (("teacher", 1), ("student", 1), ("student", 2), ("teacher", 25))
    },
    dot=2,
    limit=2.5,
    title="One call of the student makes the ring; one call of its teacher makes a spot",
    alt="Four clouds. Teacher, one call: a small spot in the middle. Student, one call: eight "
    "clusters with points strewn between neighbours. Student, two calls: a few less between. "
    "Teacher, 25 calls: eight clusters, few points between.",
)

# %% tags=["measure"]
# @title What one and two calls keep
one, five = few["student", 1, "distance"], few["teacher", 5, "distance"]
claims.check("one call of the student: distance above real, in thousandths", one.high, "<", 4)
claims.check(
    "one call of the student minus five of its teacher (Heun)",
    one.mean - five.mean,
    "<",
    2,
)
claims.check("control: one call of the teacher", few["teacher", 1, "distance"].low, ">", 500)
lost = min(
    a - b
    for a, b in zip(
        few["student", 1, "strays"].values, few["teacher", 5, "strays"].values, strict=True
    )
)
claims.check("strays, %: one call of the student minus five of its teacher, least", lost, ">", 2)
claims.check("one call of the student: strays, %", few["student", 1, "strays"].high, "<", 28)

# %% [markdown]
# By distance one call of the student is worth about five of its teacher. But half of all points on the bare circle would come as near: the strays say what is lost. The student must map one round cloud to eight separate ones; where its answer turns from one cluster to the next,
# points are left between, at this length of training about every fifth (three times the training: every tenth). A second call helps little or not. On the digits network of lesson 02 the same training made one call usable as well.
# Shortcut models (Frans et al. 2024) and mean flows (Geng et al. 2025) were farther by distance here ([log](../docs/experiments.md)).

# %% [markdown]
# ## Turn it yourself
#
# All samplers, any number of calls, on the first trained network and on the exact denoiser.


# %% tags=["measure"]
# @title A slider over the calls
def compare(calls: int, sampler: str, denoiser: str):
    """1,000 points by this sampler in about this many calls; at least 3 for Heun."""
    model = networks[0] if denoiser == "trained" else exact
    least = 3 if sampler == "Heun" else 1
    options = settings(sampler, max(calls, least))
    done = last(diffusion.sample(model, (1000, 2), x_start=starts[1][:1000], **options))
    stray = 1 - measure.modes(done.state, exact.means, 3 * ring.std).on_mode
    return plots.scatter(
        {"model": done.state},
        dot=4,
        limit=2.5,
        title=f"{sampler}, {done.calls} calls, {denoiser} denoiser: {stray:.1%} strays",
        alt="Points that gather into eight clusters on a circle as the calls grow.",
    )


widgets.slider(
    compare,
    calls=[1, 2, 3, 5, 7, 10, 15, 20, 50, 100],
    sampler=list(tried),
    denoiser=["trained", "exact"],
)

# %% [markdown]
# The same without a slider: 7 calls of 2M. *The figure: which points are strays?*

# %% tags=["measure"]
# @title The same for 7 calls of 2M
compare(calls=7, sampler="2M", denoiser="trained")

# %% [markdown]
# ## Where the claim stops being true
#
# - *Gradually*: a path leads from noise to data, but it can be walked in ten strides, and a student jumps to the ring at once, with more strays.
# - *50-1000 steps*: a habit of first-order and ancestral samplers. Ten calls of order 2 were not told apart from 1,000 ancestral ones by energy distance; by strays they were, and from 50 as well. For a distilled student one call is worth about five, by distance.
# - *Stochastic*: the start is. After it chance is a choice, which repaired a constant error near $t = 1$, enlarged later ones, and in the last tenth of the way removed nearly half of the strays of our networks.
# - A new model? On what was seen here: begin with 2M on the quadratic grid; double the calls until an instrument that sees single bad samples no longer moves; then see whether 50 ancestral calls beat it.
# - All of this was measured on a ring and on small digits. How many calls a large model needs depends on its data, its guidance (lesson 04) and its schedule.

# %% [markdown]
# ## What was measured

# %%
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts, without numbers
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# | | diffusion | language |
# |---|---|---|
# | sampling | `sample(model, shape, step=)` yields a state after each step | `sample(model, prompt)` yields a state after each token (lesson 09) |
# | latency | calls: as many as you choose, 1 to 1,000 | calls: as many as there are tokens |
# | chance | in the start; along the way if wanted | in each token, or none (greedy) |
# | fewer calls | solvers of higher order; distillation | speculative decoding (lesson 09) |
#
# ## Papers
#
# - Ho et al. 2020, *Denoising diffusion probabilistic models*, arXiv:2006.11239: the ancestral sampler.
# - Song et al. 2021, *Denoising diffusion implicit models*, arXiv:2010.02502: DDIM, eta, the quadratic grid.
# - Song et al. 2021, *Score-based generative modeling through stochastic differential equations*, arXiv:2011.13456: the ODE that has the same distributions.
# - Karras et al. 2022, *Elucidating the design space of diffusion-based generative models*, arXiv:2206.00364: Heun, the grid of roots, churn.
# - Lu et al. 2022, *DPM-Solver*, arXiv:2206.00927, and *DPM-Solver++*, arXiv:2211.01095: the log SNR as the axis; 2M.
# - Lipman et al. 2022, *Flow matching for generative modeling*, arXiv:2210.02747: the straight path whose Euler steps DDIM takes.
# - Xu et al. 2023, *Restart sampling for improving generative processes*, arXiv:2306.14878: why noise along the way contracts errors.
# - Song et al. 2023, *Consistency models*, arXiv:2303.01469: one call. The parameterisation that needs no change: Lu & Song 2024, arXiv:2410.11081.
# - Frans et al. 2024, *One step diffusion via shortcut models*, arXiv:2410.12557. Geng et al. 2025, *Mean flows for one-step generative modeling*, arXiv:2505.13447.
