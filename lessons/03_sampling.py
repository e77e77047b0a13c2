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
from course_utils.notebook import Claims, plots, setup
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
claims.check(
    "ancestral twice: share in the same cluster", same["ancestral"], "within", (0.09, 0.16)
)

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


def true_state(z: Tensor, t: float) -> Tensor:
    """Where the path that belongs to z (B, 2) is at time t."""
    alpha, sigma = schedule.level(t)
    return alpha + math.hypot(0.3 * alpha, sigma) * z


# %% [markdown]
# We start on the true path at $t = 3/4$ and compare at $t = 1/4$.

# %% tags=["measure"]
# @title The error at t = 1/4 against the number of steps, and the slope of each line
makers = {
    "DDIM": lambda: diffusion.ddim,
    "Heun": lambda: diffusion.heun,
    "2M": diffusion.dpm_solver_2m,
}
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
    styles={name: {"marker": "o"} for name in errors},
    title="Twice the steps: half the error by DDIM, a quarter by Heun and 2M",
    alt="Three straight lines on logarithmic axes. That of DDIM falls with slope -1; those of Heun "
    "and 2M lie lower and fall with slope -2.",
)

# %% [markdown]
# Why not from 1 to 0? At both ends the log SNR is infinite, and no step is small beside that. Orders describe the middle of the way; the ends are decided by the time grid.

# %% [markdown]
# ## Where to spend the calls
#
# Ten calls. Where on the way from noise to data should they be made? **Guess first**: near the noise, near the data, or evenly? Four grids from the literature:
#
# - **even** in $t$;
# - **quadratic**: $\sqrt t$ is even (Song et al. 2021);
# - **log SNR**: the log SNR is even (Lu et al. 2022), here from -7 to 6;
# - **EDM**: the seventh roots of $\sigma/\alpha$ are even (Karras et al. 2022), here from 20 to 0.05.

# %%
grids = {
    "even": diffusion.times_even,
    "quadratic": diffusion.times_quadratic,
    "log SNR": diffusion.times_even_in_snr,
    "EDM": lambda schedule, n: diffusion.times_karras(schedule, n, low=0.05, high=20),
}

# %% [markdown]
# We measure the error of the solver alone: the mean distance between where ten calls end and where the path of the exact denoiser truly ends, from the same noise.
# (Truly: by 500 steps of Heun.) Heun gets five steps and a last one: eleven calls.
#
# *The table: which row is best depends on the column. How much does the grid matter for each solver?*

# %% tags=["measure"]
# @title Ten calls: distance from the true end, by grid and solver
path_end = end(exact, diffusion.heun, times=diffusion.times_even_in_snr(schedule, 500))
off = {}
print(f"{'':12}" + "".join(f"{name:>8}" for name in makers))
for grid_name, make_grid in grids.items():
    for name, make in makers.items():
        stops = make_grid(schedule, 6 if name == "Heun" else 10)
        away = (end(exact, make(), times=stops) - path_end).norm(dim=1)
        off[name, grid_name] = float(away.mean())
    print(f"{grid_name:12}" + "".join(f"{off[name, grid_name]:8.3f}" for name in makers))

# %% [markdown]
# ### Exercise 03.1 - EDM's grid (10 min, easy)
#
# EDM writes a noise level as one number, the ratio $r = \sigma/\alpha$. Return its `num` levels: from `high` down to `low`, with evenly spaced $\rho$-th roots, and
# a 0 at the end for the data itself.
#
# <details><summary>Hint</summary>
#
# Take the roots of both ends, go from one to the other in equal steps, and raise to the power of $\rho$ again.
#
# </details>


# %% tags=["exercise"]
def noise_ratios(num: int, low: float, high: float, rho: float) -> Tensor:
    """Return EDM's noise levels sigma / alpha, falling, with a zero at the end.

    Args:
        num: number of levels above 0, at least 2.
        low: the smallest of them.
        high: the largest.
        rho: the roots that are evenly spaced are rho-th roots.

    Returns:
        (num + 1,) levels from high to low, then 0.
    """
    # BEGIN SOLUTION
    roots = torch.linspace(high ** (1 / rho), low ** (1 / rho), num)
    return torch.cat([roots**rho, torch.zeros(1)])
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
# The instrument is the energy distance of lesson 02 between 2,000 generated points and 4,000 real ones. What fresh real points get is its floor; their scatter is what it cannot see.
# DDIM and ancestral steps get even times, the two of order 2 the grid that is even in log SNR.
#
# **Guess first:** with how many calls does each sampler reach the floor?

# %% tags=["measure"]
# @title Energy distance above that of real points, for each sampler and number of calls
held_out = ring.sample(4000, generator=seeded(1000)).to(course.device)
fresh = [ring.sample(sizes.points, generator=seeded(1001 + k)) for k in range(8)]
floor = measure.Scatter.of(measure.energy_distance(x.to(course.device), held_out) for x in fresh)


def settings(sampler: str, calls: int) -> dict:
    """What `sample` needs for this sampler to make this number of calls."""
    if sampler in ("DDIM", "ancestral"):
        step = diffusion.ddim if sampler == "DDIM" else diffusion.ancestral(generator=seeded(7))
        return dict(step=step, num_steps=calls)
    num_steps = (calls + 1) // 2 if sampler == "Heun" else calls
    step = diffusion.heun if sampler == "Heun" else diffusion.dpm_solver_2m()
    return dict(step=step, times=diffusion.times_even_in_snr(schedule, num_steps))


tried = {
    "DDIM": (1, 2, 5, 10, 20, 50, 100),
    "ancestral": (1, 2, 5, 10, 20, 50, 100, 1000),
    "Heun": (5, 9, 15, 19, 49, 99),
    "2M": (3, 5, 10, 20, 50),
}


def above_floor(model, sampler: str, calls: int) -> float:
    """Energy distance to real points, minus that of fresh real points."""
    x = end(model, **settings(sampler, calls))
    return measure.energy_distance(x, held_out) - floor.mean


found = {
    (sampler, calls): [above_floor(model, sampler, calls) for model in (exact, *networks)]
    for sampler, numbers in tried.items()
    for calls in numbers
}

# %% [markdown]
# *The figure: the exact denoiser left, the mean of three networks right. The dashed line is three times the scatter of real points: what lies below it this instrument cannot tell from real, and the curves are cut off there.*

# %% tags=["measure"]
# @title Quality against calls
blind = 3 * floor.std


def curve(sampler: str, which: slice) -> tuple:
    """Calls, and the mean distance of these models, cut off where the instrument is blind."""
    values = [
        max(blind / 2, sum(found[sampler, n][which]) / len(found[sampler, n][which]))
        for n in tried[sampler]
    ]
    return tried[sampler], values


colors = {"DDIM": plots.PURPLE, "ancestral": plots.ORANGE, "Heun": plots.SKY, "2M": plots.CLEAN}
figure, axes = plots.panels(
    2,
    title="Ten calls of 2M reach what the instrument can see, and so do 1,000 ancestral ones",
    titles=["exact denoiser: the sampler's error alone", "trained networks"],
    alt="Two panels of falling curves over the number of calls, both axes logarithmic. 2M reaches "
    "the dashed line at 10 calls, Heun at about 15, DDIM and ancestral steps at 20 to 50.",
    share=True,
)
for ax, which in zip(axes, (slice(0, 1), slice(1, 4)), strict=True):
    plots.curves(
        {sampler: curve(sampler, which) for sampler in tried},
        xlabel="calls of the network",
        ylabel="energy distance above real",
        logx=True,
        logy=True,
        references={"reference: blind below": blind},
        styles={name: {"marker": "o", "color": color} for name, color in colors.items()},
        ax=ax,
    )
figure

# %% tags=["measure"]
# @title The same in thousandths, and the two that are compared
print(f"scatter of real points: {1000 * floor.std:.2f}")
for (sampler, calls), values in found.items():
    trained = measure.Scatter.of(1000 * value for value in values[1:])
    print(f"{sampler:10}{calls:5} calls  exact {1000 * values[0]:7.2f}   networks {trained}")
few, many = found["2M", 10][1:], found["ancestral", 1000][1:]
worse = measure.Scatter.of(one - other for one, other in zip(few, many, strict=True))
claims.check(
    "2M, 10 calls: farther than 1,000 ancestral ones, three networks, by", worse.mean, "<", 0.0015
)
claims.check(
    "control: DDIM, 5 calls: farther, by", sum(found["DDIM", 5][1:]) / 3 - sum(many) / 3, ">", 0.004
)

# %% [markdown]
# ## What chance along the way repairs
#
# If ten deterministic calls do, what is the noise of ancestral steps good for? It pulls the state towards the right distribution again and again, so that it forgets what
# went wrong before. To see it we need a network with a *known* error. We take the exact denoiser and add a constant to its guess of the noise: `size`, in the first coordinate, while $t$ is in a given range.
#
# **Guess first:** 100 calls each. Which sampler suffers more if the error comes early ($t > 1/2$), and which if it comes late?


# %%
class Flawed(torch.nn.Module):
    """A denoiser whose guess of the noise is off by `size`, at times from `low` to `high`."""

    def __init__(self, model, size: float, low: float, high: float) -> None:
        super().__init__()
        self.model, self.schedule = model, model.schedule
        self.size, self.low, self.high = size, low, high

    def forward(self, x_t: Tensor, t: Tensor, cond=None) -> Prediction:
        alpha, sigma = self.schedule.at(t, x_t)
        wrong = torch.zeros_like(x_t)
        wrong[:, 0] = self.size * ((t >= self.low) & (t < self.high))
        said = self.model(x_t, t)
        return Prediction(said.x0_hat - sigma / alpha * wrong, said.eps_hat + wrong)


# %% tags=["measure"]
# @title Distance to the data over the size of the error, early and late, eta 0 and 1
flaws = (0.0, 0.05, 0.1, 0.15, 0.2)


def with_flaw(size: float, low: float, high: float, eta: float) -> float:
    """Energy distance above real, in 100 calls from t = 0.99."""
    step = diffusion.ancestral(eta, seeded(8))
    x = end(Flawed(exact, size, low, high), step, num_steps=100, t_start=0.99)
    return measure.energy_distance(x, held_out) - floor.mean


harm = {
    (when, eta): [with_flaw(size, *span, eta) for size in flaws]
    for when, span in {"early": (0.5, 1.01), "late": (0.0, 0.5)}.items()
    for eta in (0.0, 1.0)
}
figure, axes = plots.panels(
    2,
    title="Noise along the way repairs early errors and enlarges late ones",
    titles=["error at t > 1/2", "error at t < 1/2"],
    alt="Two panels of rising curves over the size of the error. Early: DDIM far above ancestral. "
    "Late: ancestral above DDIM.",
)
for ax, when in zip(axes, ("early", "late"), strict=True):
    plots.curves(
        {"DDIM": (flaws, harm[when, 0.0]), "ancestral": (flaws, harm[when, 1.0])},
        xlabel="size of the error",
        ylabel="energy distance above real",
        styles={name: {"marker": "o", "color": colors[name]} for name in ("DDIM", "ancestral")},
        ax=ax,
    )
figure

# %% tags=["measure"]
# @title Which suffers more, in numbers
early, late_ratio = (harm[when, 0.0][-1] / harm[when, 1.0][-1] for when in ("early", "late"))
claims.check("error early: DDIM's distance over that of ancestral steps", early, ">", 3)
claims.check("error late: the same", late_ratio, "<", 0.7)

# %% [markdown]
# ## One call?
#
# A path has one end, and its start decides which. So why not learn the end at once? A **consistency model** (Song et al. 2023) is a network that gives the same answer everywhere on one path:
# where the path ends. It is trained by agreement of neighbours. Noise a data point to time $t$; let the trained network, the *teacher*, take one DDIM step to $s$; the
# answers of the student at both places must be the same. Gradients flow at $t$ only. At the end of the path the answer is the state itself, so truth enters there, and spreads from
# neighbour to neighbour up to $t = 1$.
#
# A network that predicts $v$ needs no change for it: its $\hat x_0 = \alpha\,x_t - \sigma\,v$ is $x_t$ where $\sigma = 0$. The loss on the page:


# %%
def agreement(student, average, teacher, x0: Tensor, stops: list[float]) -> Tensor:
    """Mean squared difference of the student's answers at two neighbours of a path."""
    place = torch.randint(len(stops) - 1, (len(x0),), device=x0.device)
    t, s = (torch.tensor(stops).to(x0)[place + k] for k in (0, 1))
    x_t, _ = diffusion.add_noise(x0, t, schedule)
    with torch.no_grad():
        alpha, sigma = schedule.at(s, x0)
        x_s = mixed(teacher(x_t, t), alpha, sigma)
        wanted = average(x_s, s).x0_hat
    return (student(x_t, t).x0_hat - wanted).square().mean()


# %% [markdown]
# `average` is the moving average of the student's own weights, which moves more calmly. The package's `consistency_loss` is the same with evenly spread times. The student begins as a copy of its teacher.


# %% tags=["measure"]
# @title Three students learn to answer at once
def distilled(teacher: diffusion.Denoiser, seed: int) -> diffusion.Denoiser:
    """A student of this network, in as many steps as the teacher had."""
    torch.manual_seed(seed)
    points = ring.sample(20_000, generator=seeded(seed)).to(course.device)
    student = copy.deepcopy(teacher)
    ema = training.EMA(student, decay=0.95)
    stops = diffusion.times_even(schedule, 10)
    training.fit(
        student,
        data.Batches(points, batch_size=256, seed=seed),
        diffusion.consistency_loss(teacher, ema.model, stops),
        num_steps=sizes.student_steps,
        optimizer=training.adamw(student, 4e-3),
        ema=ema,
        checkpoint=course.checkpoint(f"student_{seed}"),
    )
    return ema.model


students = [distilled(teacher, seed) for teacher, seed in zip(networks, seeds, strict=True)]


# %% tags=["measure"]
# @title One and two calls, with and without distillation
def few_calls(model, calls: int) -> float:
    """Energy distance above real of 1, 2 or 4 calls, each starting from the last answer, noised."""
    step = diffusion.renoise(seeded(9))
    x = end(model, step, times=[1.0, 0.5, 0.0] if calls == 2 else [1.0, 0.0])
    return measure.energy_distance(x, held_out) - floor.mean


for calls in (1, 2):
    for name, models in {"teacher": networks, "student": students}.items():
        values = measure.Scatter.of(1000 * few_calls(model, calls) for model in models)
        print(f"{name}, {calls} calls: {values}")

# %% tags=["measure"]
# @title What this lesson found
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts, without numbers
claims.verdicts()
