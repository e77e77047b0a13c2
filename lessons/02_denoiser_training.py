# %% [markdown]
# # 02 · Denoiser training
#
# **Can a network learn to undo noise, and how good can it possibly get?**
#
# After this lesson you can
#
# - write a denoiser for points from nothing: its network, its loss, its training loop, its sampler;
# - compute the best possible denoiser of a data set, and say how far from it a network is;
# - choose what the network predicts, and turn one prediction into another.
#
# *40 minutes to read, an hour for the exercises, about 80 seconds to run on two cores. Needs lesson 01. The quoted claims are from [the article](../docs/article.md).
# Each exercise is solved in [the answer booklet](answers/02_denoiser_training.ipynb).*

# %% tags=["setup"]
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("02", seed=0)
claims = Claims("02")
sizes = course.sizes(
    cpu=dict(ring_steps=1000, digit_steps=1000, batch=32, side=16, widths=(16, 24, 32)),
    gpu=dict(ring_steps=3000, digit_steps=1200, batch=64, side=28, widths=(32, 48, 64)),
)

# %% [markdown]
# ## The claim
#
# > *The model is trained to predict the noise at each step, allowing it to generate new samples from scratch.*
#
# First the whole of it, in two cells. A network sees a noisy digit, the time $t$ of lesson 01 (how noisy it is), and which digit it was. For now each name is a black
# box; `predicts="v"` asks for a relative of the noise. By the end you will have written all of it for points; what stays closed is the `UNet`, the optimizers and the bookkeeping.
#
# The first cell trains for about half a minute. Read on meanwhile.

# %%
from course_utils import data, diffusion, training

digits = data.load_digits(size=sizes.side)
train, labels = (part.to(course.device) for part in digits.train)
print(f"{len(train):,} digits to train on")

torch.manual_seed(course.seed)
net = diffusion.UNet(widths=sizes.widths, num_classes=10).to(course.device)
painter = diffusion.Denoiser(net, diffusion.Cosine(), predicts="v")
history = training.fit(
    painter,
    data.Batches(train, labels, batch_size=sizes.batch, seed=course.seed),
    diffusion.denoising_loss,
    num_steps=sizes.digit_steps,
    optimizer=training.muon(painter, 0.02),
    checkpoint=course.checkpoint("digits"),
)

# %% [markdown]
# Now 200 images of pure noise, and 25 calls of the network. We ask for 0 to 9, again and again.

# %%
from course_utils.records import last

asked = torch.arange(200, device=course.device) % 10
steps = diffusion.sample(
    painter,
    (200, 1, sizes.side, sizes.side),
    num_steps=25,
    cond=asked,
    clip=1.0,
    generator=torch.Generator().manual_seed(3),
)
painted = last(steps).state

# %% [markdown]
# *The figure: the first twenty. Read them aloud: how many of twenty are what was asked?*

# %% tags=["measure"]
# @title Twenty of the generated digits
plots.image_grid(
    painted[:20].unflatten(0, (2, 10)),
    columns=[str(k) for k in range(10)],
    title="Twenty digits that nobody wrote, made from pure noise",
    alt="Two rows of ten small white digits on black, 0 to 9; most can be read at once.",
)

# %% [markdown]
# So noise can be undone. How, how well, and are these digits *new*?

# %% [markdown]
# ## The best guess is an average
#
# *What is the best that any denoiser could say?* A **denoiser** takes a noisy example $x_t$ and its time, and guesses the clean example $x_0$. One $x_t$ rarely has one
# explanation. Say the data is -1 once and +1 three times, and the noise hides which it is. **Guess first:** which single guess has the smallest squared error on average? We try 301.

# %%
truth = torch.tensor([-1.0, 1.0, 1.0, 1.0])
guesses = torch.linspace(-1.5, 1.5, 301)
squared_error = ((guesses[:, None] - truth) ** 2).mean(1)
best = guesses[squared_error.argmin()]
print(f"best guess: {best:.2f}")

# %% [markdown]
# It is a value that the data never takes, and lies nearer to the likelier one. Squared error asks for the **mean** of all explanations, each weighted by how likely it is.

# %% [markdown]
# ## The exact denoiser of a data set
#
# *Which mean is that, for a real data set?* Take its examples $x_1 \dots x_N$ (here the index counts them; in $x_0$ and $x_t$ it is a time), noised by lesson 01's jump
# $x_t = \alpha\,x_0 + \sigma\,\varepsilon$. Given $x_t$, how likely is each?
#
# 1. Before looking, all are equally likely.
# 2. If it was $x_i$, the noise was $(x_t - \alpha x_i)/\sigma$. Its density is proportional to $\exp(-\lVert x_t - \alpha x_i\rVert^2 / 2\sigma^2)$.
# 3. Bayes' rule: divide by the sum over all examples. Exponentials divided by their sum are a **softmax**.
#
# The best guess is the average with these weights. A hat marks an estimate:
#
# $$\hat x_0 = \sum_i w_i\,x_i, \qquad w = \operatorname{softmax}_i\!\left(-\frac{\lVert x_t - \alpha\,x_i\rVert^2}{2\,\sigma^2}\right)$$

# %%
schedule = diffusion.Cosine()  # alpha and sigma of lesson 01
known = train.flatten(1)  # (N, pixels)


def best_guess(x_t: Tensor, t: float) -> Tensor:
    """The average of all known digits, weighted by how well each explains x_t (B, 1, H, W)."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    squared = torch.cdist(x_t.flatten(1), alpha * known).square()  # (B, N)
    weights = (-squared / (2 * sigma**2)).softmax(dim=1)  # (B, N)
    return (weights @ known).view_as(x_t)


# %% [markdown]
# Nothing was trained. We try it on one digit of the training set, at eight times.
#
# *The figure: the noisy digit above, the best possible guess below. What does the guess become as the noise grows?*

# %% tags=["measure"]
# @title The noisy digit and the best guess
times = [0.05, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95]
eps = torch.randn(8, *train.shape[1:], generator=torch.Generator().manual_seed(0)).to(train)
alpha, sigma = schedule.at(torch.tensor(times, device=train.device), eps)  # shaped to multiply eps
x_t = alpha * train[4] + sigma * eps
guess = torch.cat([best_guess(x_t[k : k + 1], times[k]) for k in range(8)])
plots.image_grid(
    torch.stack([x_t, guess]),
    rows=["x_t", "best guess"],
    columns=[f"t = {t:.2f}" for t in times],
    title="The best guess turns from one digit into the average of all",
    alt="Above, an 8 that drowns in noise from left to right. Below, the guess: the same 8 up to "
    "t = 0.6, then a blurred digit, at last a grey blob.",
)

# %% [markdown]
# At little noise one digit has all the weight. At $t = 0.7$ several share it; at the end nearly all do.
#
# This is the *exact denoiser of the training set*, in the package `ExactDenoiser`. On average nothing guesses better, *if the clean digit is one of this list*. Whether that is
# what we want, the end will show.

# %% tags=["measure"]
# @title Page and package give the same guess
exact = diffusion.ExactDenoiser(train, schedule)
by_package = exact(x_t, torch.tensor(times, device=x_t.device)).x0_hat
claims.check(
    "best_guess is the package's ExactDenoiser (largest difference)",
    (guess - by_package).abs().max(),
    "<",
    1e-3,
)

# %% [markdown]
# ### Exercise 02.1 - Unequal examples (10 min, easy)
#
# Now the examples are not equally likely: before $x_t$ is seen, example $i$ has the probability $p_i$, called `weights` below. They add up to one, and some may be 0. Return
# the best guess for one noisy point: a number, never `nan`, also where every exponential is 0.
#
# <details><summary>Hint</summary>
#
# In step 1 above *equally likely* becomes $p_i$. What has to be added inside a softmax so that an exponential is multiplied by $p_i$?
#
# </details>


# %% tags=["exercise"]
def weighted_guess(
    x_t: Tensor, points: Tensor, weights: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """Return the average of all points, weighted by how likely each is given x_t.

    Args:
        x_t: (D,) one noisy point.
        points: (N, D) the data set.
        weights: (N,) the p_i: how likely each point is before x_t is seen.
        alpha: () factor of the data at this time.
        sigma: () factor of the noise at this time.

    Returns:
        (D,) the best guess of the clean point.
    """
    # BEGIN SOLUTION
    squared = (x_t - alpha * points).square().sum(dim=1)  # (N,)
    likely = (weights.log() - squared / (2 * sigma**2)).softmax(dim=0)  # (N,)
    return likely @ points
    # END SOLUTION


# %% tags=["check"]
checks.run("02.1", weighted_guess)

# %% [markdown]
# ## A network
#
# *Can a network find the best guess from examples alone?* We forget the formula, and keep only `points`, drawn from the ring of lesson 01, a mixture of eight Gaussians. Others
# are held out.

# %% tags=["measure"]
# @title Draw the points
ring = data.ring_mixture()
generator = torch.Generator().manual_seed(course.seed)
points = ring.sample(20_000, generator=generator).to(course.device)
held_out = ring.sample(4000, generator=generator).to(course.device)

# %% [markdown]
# A plain network is slow to learn what changes over a short distance (Tancik et al. 2020). So ours sees the point and its time as **waves** too, sines and
# cosines: the place at four speeds, the time at sixteen. Three layers follow. Each adds something to what it gets.

# %%
from torch import nn
from torch.nn.functional import mse_loss, silu


class MLP(nn.Module):
    """A noisy point (B, 2) and its time (B,) in, the noise in it (B, 2) out."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.enter = nn.Linear(2 + 2 * 8 + 2 * 16, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.leave = nn.Linear(width, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        speeds = 2.0 ** torch.arange(4, device=x.device)  # 1, 2, 4, 8
        place = (x[:, :, None] * speeds).flatten(1)  # (B, 8)
        shares = 10_000 ** -torch.linspace(0, 1, 16, device=x.device)  # 1 ... 1 / 10,000
        clock = 1000 * t[:, None] * shares  # (B, 16)
        seen = [x, place.sin(), place.cos(), clock.sin(), clock.cos()]
        h = silu(self.enter(torch.cat(seen, dim=1)))  # (B, width)
        for layer in self.layers:
            h = h + silu(layer(h))
        return self.leave(h)


# %% [markdown]
# ## The loss
#
# *What do we ask it?* For the noise. That is the same as asking for the data: $x_t = \alpha\,x_0 + \sigma\,\varepsilon$ is known, so whoever names one names the other, and
# the mean of the noise is $(x_t - \alpha\,\hat x_0)/\sigma$. And each time we show the network just *one* noise, the one that was drawn. As above with -1 and +1, squared error makes it answer the mean of all that fit:
#
# $$L = \tfrac1D\operatorname{E}\,\bigl\lVert\, \mathrm{net}(\alpha\,x_0 + \sigma\,\varepsilon,\; t) - \varepsilon \,\bigr\rVert^2$$
#
# The mean $\operatorname{E}$ is over data, noise and time; $D$ is the number of coordinates. Each point of a batch gets a random time of its own. We take one from each of $B$ equal slices of $(0, 1)$,
# in random order: every batch then holds all noise levels.


# %%
def noise_loss(net: nn.Module, x0: Tensor) -> Tensor:
    """Mean squared error of the predicted noise, for points x0 (B, 2)."""
    slices = torch.randperm(len(x0), device=x0.device)
    t = (slices + torch.rand(len(x0), device=x0.device)) / len(x0)  # (B,)
    eps = torch.randn_like(x0)
    alpha, sigma = schedule.at(t, x0)  # (B, 1) each, shaped to multiply x0
    return mse_loss(net(alpha * x0 + sigma * eps, t), eps)


# %% [markdown]
# ## The training loop
#
# *How does it learn?* For each batch: the loss, its gradient, one step of AdamW, which is gradient descent with a step size of its own for each weight. The learning rate rises at first, then
# falls to zero. A gradient longer than 1 is cut to length 1. Each step seeds its random numbers with its own number: so a training can be repeated, or continued.

# %%
batches = data.Batches(points, batch_size=256, seed=course.seed)


def train_on_page(net: nn.Module, num_steps: int) -> list[float]:
    """Train a network to predict the noise; returns the loss of each step."""
    optimizer, losses = training.adamw(net, 1e-2), []
    for step in range(num_steps):
        torch.manual_seed(training.step_seed(course.seed, step))
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * training.warmup_cosine(step / num_steps)
        (x0,) = batches[step]
        loss = noise_loss(net, x0)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


torch.manual_seed(course.seed)
mlp = MLP().to(course.device)
losses = train_on_page(mlp, sizes.ring_steps)

# %% [markdown]
# In the package the network is `PointMLP`, the loss `denoising_loss`, the loop `fit`. A `Denoiser` binds a network to its schedule and to what it predicts, so that
# training and sampling cannot disagree. Fifty steps by each, from the same seed: are the weights the same?

# %% tags=["measure"]
# @title Fifty steps on the page and fifty by the package
torch.manual_seed(course.seed)
by_page = MLP().to(course.device)
train_on_page(by_page, 50)

torch.manual_seed(course.seed)
point_mlp = diffusion.PointMLP(width=64).to(course.device)
by_fit = diffusion.Denoiser(point_mlp, schedule, predicts="eps")
adamw = training.adamw(by_fit, 1e-2)
training.fit(by_fit, batches, diffusion.denoising_loss, num_steps=50, optimizer=adamw)

pairs = zip(by_page.parameters(), by_fit.parameters(), strict=True)
difference = max((ours - theirs).abs().max() for ours, theirs in pairs)
claims.check("network, loss and loop are the package's (largest difference)", difference, "<", 1e-4)

# %% [markdown]
# ## How low can it go?
#
# *Is our network any good?* **Guess first:** with a perfect one and endless training, would this loss reach zero?
#
# For the ring the best possible guess is a formula again: the best not for a *list*, but for the *distribution* that the points are drawn from, and so for fresh points too. Cluster $k$ has its centre at
# $\mu_k$ and the spread $\rho$. After noising its points lie about $\alpha\mu_k$ with the variance $V = \alpha^2\rho^2 + \sigma^2$. So the weights are a softmax once more. Within a
# cluster the mean is that of a regression line, with the slope $\alpha\rho^2/V$ (without noise it is $x_t/\alpha$, of a cluster without spread it is $\mu_k$):
#
# $$\hat x_0 = \sum_k w_k \left(\mu_k + \frac{\alpha\,\rho^2}{V}\,(x_t - \alpha\,\mu_k)\right), \qquad w = \operatorname{softmax}_k\!\left(-\frac{\lVert x_t - \alpha\,\mu_k\rVert^2}{2V}\right)$$
#
# This is `GaussianMixtureDenoiser`. Its mean error is the **floor** of the loss: on fresh points nobody gets below it on average. (The literature says *Bayes-optimal*.)
#
# *The figure: where does the loss settle?*

# %% tags=["measure"]
# @title The loss over training, and the best possible
model = diffusion.Denoiser(mlp, schedule, predicts="eps")  # the network trained above
optimum = diffusion.GaussianMixtureDenoiser(ring.means, ring.std, schedule).to(course.device)
grid = [(k + 0.5) / 20 for k in range(20)]


def error_of(denoiser) -> Tensor:
    """Squared error of the predicted noise on held-out points, at each time of the grid."""
    fixed = torch.Generator().manual_seed(1)
    return diffusion.error_by_time(denoiser, held_out, grid, generator=fixed)


floor = error_of(optimum)
plots.loss_curve(
    losses,
    references={"reference: best possible": float(floor.mean())},
    title="The loss falls nearly to its floor, which is not zero",
    alt="The loss falls steeply from about 1, then creeps towards a dashed line near 0.35 and "
    "stays there.",
)

# %% [markdown]
# Not to zero: the same $x_t$ can come from many pairs of data and noise, and no network can know which. (Batches scatter, so the curve may dip below the line.)
#
# A mean hides where the errors are, so we look time by time. The control is the same network, trained in the same way, that is always told the time 0.


# %% tags=["measure"]
# @title The training above, for any network, target, seed and rate; and the control
class Timeless(diffusion.PointMLP):
    """Sees the noisy point, but always the same time."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return super().forward(x, torch.zeros_like(t))


def train_on_ring(
    name: str,
    predicts: str,
    seed: int,
    network: type = diffusion.PointMLP,
    lr_schedule=training.warmup_cosine,
):
    """Train a new network by `fit`; returns its Denoiser, and that of its averaged weights."""
    torch.manual_seed(seed)
    denoiser = diffusion.Denoiser(network(width=64).to(course.device), schedule, predicts)
    ema = training.EMA(denoiser, decay=0.99)
    training.fit(
        denoiser,
        data.Batches(points, batch_size=256, seed=seed),
        diffusion.denoising_loss,
        num_steps=sizes.ring_steps,
        optimizer=training.adamw(denoiser, 1e-2),
        lr_schedule=lr_schedule,
        ema=ema,
        checkpoint=course.checkpoint(f"ring_{name}_{seed}"),
    )
    return denoiser, ema.model


control, _ = train_on_ring("timeless", "eps", course.seed, network=Timeless)
errors = {"model": error_of(model), "control: no time": error_of(control)}

# %% [markdown]
# *The figure, on held-out points: follow the network's curve along the dashed one. Where do they part?*

# %% tags=["measure"]
# @title The error at each time
plots.curves(
    {name: (grid, error) for name, error in (errors | {"reference: best": floor}).items()},
    xlabel="t",
    ylabel="squared error of the noise",
    title="On average over t the network is close to the best; without the time it is not",
    alt="The error falls from 0.8 at the smallest t to near 0 at the largest, with a dip at 0.1. "
    "The network lies on the dashed line of the best possible, the control above it at both ends.",
)

# %% [markdown]
# You may see them part near 0.1. Divided by each other, they part most where the picture shows it least: at the right end, where both are near zero. (The bumps belong to the data: noise narrower than a cluster is hard to see, and so is
# noise that makes the clusters overlap.)

# %% tags=["measure"]
# @title Error beside the best possible: of the means over t, and at the worst time
ratio = {name: error.mean() / floor.mean() for name, error in errors.items()}
worst = errors["model"] / floor
claims.check("mean error over t / mean of the best", ratio["model"], "<", 1.1)
claims.check("error / best, at the worst of 20 times", worst.max(), "within", (1.15, 6))
no_time = ratio["control: no time"]
claims.check("control without the time: mean error / mean of the best", no_time, ">", 1.3)
print(f"worst at t = {grid[worst.argmax()]:.3f}: best possible {floor[worst.argmax()]:.4f}")

# %% [markdown]
# So we have a network that is nearly the best possible *on average over t*. At the noisy end its error is a multiple of a tiny one. *Predicting something else*, below, comes back to it.

# %% [markdown]
# ## The sampler
#
# *How does a guess become a new sample?* A blurred average is no sample. But at a noisy time it need not be one: it only says in which direction to go, and we go a *small* step. There less noise is left, so
# fewer explanations remain, and the next guess is less blurred. At the end one remains. (That the points then have the right distribution is a theorem for a perfect denoiser and tiny steps: Song et al. 2021, arXiv:2011.13456. We will measure it.)
#
# A step is three lines. Guess the noise. Work out the data that this implies,
# by solving $x_t = \alpha\,x_0 + \sigma\,\varepsilon$ for $x_0$. Mix the two again for a slightly earlier time $s$:
#
# $$\hat x_0 = \frac{x_t - \sigma_t\,\hat\varepsilon}{\alpha_t}, \qquad x_s = \alpha_s\,\hat x_0 + \sigma_s\,\hat\varepsilon$$


# %%
@torch.no_grad()
def generate(net: nn.Module, x: Tensor, times: list[float]) -> Tensor:
    """From noise x (B, 2) at times[0] to points at times[-1], one call of the network a step."""
    for t, s in pairwise(times):
        eps_hat = net(x, x.new_full((len(x),), t))
        x0_hat = (x - schedule.sigma(t) * eps_hat) / schedule.alpha(t)
        x = schedule.alpha(s) * x0_hat + schedule.sigma(s) * eps_hat
    return x


# %% [markdown]
# This is DDIM (Song et al. 2021); the package's `sample` does the same. We start at $t = 0.99$: at 1 exactly $\alpha$ is 0, and the first formula divides by it.
#
# *The figure: the points after 1, 50, 75, 90 and all 100 calls. When does the ring appear, and when do its clusters?*

# %% tags=["measure"]
# @title Page and package from the same noise, and the points on their way
noise = torch.randn(2000, 2, generator=torch.Generator().manual_seed(2)).to(course.device)
drawn = generate(mlp, noise, torch.linspace(0.99, 0, 101).tolist())
steps = list(diffusion.sample(model, (2000, 2), num_steps=100, t_start=0.99, x_start=noise))
difference = (drawn - steps[-1].state).abs().max()
claims.check("generate is sample with ddim (largest difference)", difference, "<", 1e-3)
plots.scatter(
    {f"t = {steps[k].t:.2f}": {"model": steps[k].state} for k in (0, 49, 74, 89, 99)},
    dot=2,
    limit=3,
    title="100 guesses of the noise lead from a cloud to the ring",
    alt="Five clouds of points: a round one, then a disc with a denser rim, a ring, and at the "
    "end eight clusters on a circle.",
)

# %% [markdown]
# The ring shows by $t = 0.25$, its clusters by 0.1. You now have all four parts on the page: network, loss, loop, sampler.
#
# ### Exercise 02.2 - The sampler, watched and clipped (15 min, medium)
#
# A guess of an image may leave the range $[-1, 1]$ of its values, so samplers of images **clip** it. Write the sampler for a denoiser that answers with $\hat x_0$ itself:
#
# - limit the guess to $[-\text{limit}, \text{limit}]$ before it is used;
# - the clipped guess and the noise must still add up to the state that the denoiser saw;
# - yield the state after each step, so that a caller can watch;
# - serve any schedule, points and images. `times` may begin at 1: nothing is divided by $\alpha$ here.
#
# <details><summary>Hint</summary>
#
# Three quantities a step: the guess, clipped; the noise that is then left in `x`; the new state. `yield` makes a function a generator.
#
# </details>


# %% tags=["exercise"]
def watched(denoise, x: Tensor, times: list[float], schedule, limit: float):
    """Yield the state after each step of the deterministic sampler, with clipped guesses.

    Args:
        denoise: called as denoise(x, t) with x (B, ...) and times (B,); returns x0_hat (B, ...).
        x: (B, ...) the noisy start, at times[0].
        times: falling times, the last one may be 0.
        schedule: has alpha(t) and sigma(t) for a float t.
        limit: largest size of a value of the guess.

    Yields:
        (B, ...) one state for each step.
    """
    # BEGIN SOLUTION
    for t, s in pairwise(times):
        guess = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        noise = (x - schedule.alpha(t) * guess) / schedule.sigma(t)
        x = schedule.alpha(s) * guess + schedule.sigma(s) * noise
        yield x
    # END SOLUTION


# %% tags=["check"]
checks.run("02.2", watched)

# %% [markdown]
# ## Does it generate the ring?
#
# *Are these the right points?* We ask it of two classic samplers. The **ancestral** one (Ho et al. 2020) keeps only part of the estimated noise and draws the rest fresh in each step:
#
# $$x_s = \alpha_s\,\hat x_0 + \sqrt{\sigma_s^2 - f^2}\;\hat\varepsilon + f\,z, \qquad z \text{ fresh noise}, \qquad f^2 = \sigma_s^2 \left(1 - \frac{\alpha_t^2\,\sigma_s^2}{\alpha_s^2\,\sigma_t^2}\right)$$
#
# $f$ is the spread that $x_s$ still has when $x_t$ and $x_0$ are both known (take it on trust here; lesson 01's steps, multiplied, give it). With $f = 0$ this is DDIM.
#
# One number for *a ring* can be fooled: 2,000 copies of one centre are all on a mode. So it takes four, and a bound for each:
#
# - **on a mode**: the share of points within three standard deviations of a cluster's centre; above 85 %;
# - **emptiest**: that share for the emptiest of the eight clusters; above 6 %;
# - **spread** of these points about their centres, in each cluster's narrowest direction (0.1 in the data, a little less without its far points); 0.075 to 0.11;
# - **distance**: the energy distance $2\operatorname{E}|x-y| - \operatorname{E}|x-x'| - \operatorname{E}|y-y'|$ of two sets, zero only for equal distributions; less than 0.008 above what fresh
#   real points get.
#
# Four fakes fail them: copies of one centre or of all, a streak in place of each cluster, uniform noise.


# %% tags=["measure"]
# @title 2,000 points in 100 calls, by both samplers; and fakes
def draw(denoiser, sampler: str) -> Tensor:
    """From the same noise for every denoiser."""
    fresh = torch.Generator().manual_seed(3)
    step = {"DDIM": diffusion.ddim, "ancestral": diffusion.ancestral(generator=fresh)}[sampler]
    options = dict(num_steps=100, step=step, t_start=0.99, x_start=noise)
    return last(diffusion.sample(denoiser, noise.shape, **options)).state


drawn = {f"model, {sampler}": draw(model, sampler) for sampler in ("DDIM", "ancestral")}
fresh = ring.sample(2000, generator=torch.Generator().manual_seed(7)).to(course.device)
uniform = 4 * torch.rand(2000, 2, generator=torch.Generator().manual_seed(8)) - 2
centres = optimum.means.repeat(250, 1)
along = centres.flip(1) * torch.tensor([-1.0, 1.0]).to(centres) / centres.norm(dim=1, keepdim=True)
fakes = {
    "fake: copies of one centre": centres[:1].repeat(2000, 1),
    "fake: copies of all centres": centres,
    "fake: a streak each": centres + 0.14 * along * noise[:, :1],
    "fake: uniform noise": uniform.to(course.device),
}

# %% tags=["measure"]
# @title Four numbers for each set of points
from course_utils import measure


def judged(x: Tensor) -> tuple[float, float, float, float]:
    """Share on a mode, share on the emptiest, spread, and distance above that of fresh points."""
    modes = measure.modes(x, optimum.means, 3 * ring.std)
    distance = measure.energy_distance(x, held_out) - measure.energy_distance(fresh, held_out)
    return modes.on_mode, float(modes.shares.min()), modes.spread, distance


def is_ring(x: Tensor) -> bool:
    """Does a set pass all four bounds?"""
    on_mode, emptiest, spread, distance = judged(x)
    return on_mode > 0.85 and emptiest > 0.06 and 0.075 < spread < 0.11 and distance < 0.008


def table(sets: dict[str, Tensor]) -> None:
    """A line of the four numbers, and the verdict, for each set of points."""
    print(f"{'':30}on a mode  emptiest  spread  distance above real  a ring?")
    for name, x in sets.items():
        on_mode, emptiest, spread, distance = judged(x)
        numbers = f"{on_mode:9.1%}{emptiest:10.1%}{spread:8.3f}{distance:21.4f}"
        print(f"{name:30}{numbers}  {'yes' if is_ring(x) else 'no'}")


table({"fresh real points": fresh} | drawn)
claims.check("fakes that pass all four bounds, of four", sum(map(is_ring, fakes.values())), "==", 0)
is_good = is_ring(drawn["model, DDIM"]) and is_ring(drawn["model, ancestral"])
claims.check("the model's points pass all four bounds, by both samplers", is_good, "==", True)

# %% [markdown]
# A ring, by both. Not a perfect one: compare the first column with that of real points. An error that is close to the best *on average* still leaves points beside their cluster. Lesson 03 parts the
# network's share in this from the sampler's.
#
# ## Does it need the time?
#
# *Did the network have to be told how noisy its input is?* The control never was. **Guess first:** will it generate a ring? With which sampler better?

# %% tags=["measure"]
# @title The same two samplers without the time
drawn |= {f"control: no time, {name}": draw(control, name) for name in ("DDIM", "ancestral")}
table({name: x for name, x in drawn.items() if "no time" in name})
on_mode = {name: judged(x)[0] for name, x in drawn.items()}
gap = on_mode["model, ancestral"] - on_mode["control: no time, ancestral"]
claims.check("ancestral: the time is worth this much of the share on a mode", gap, ">", 0.4)
kept = on_mode["control: no time, DDIM"]
claims.check("DDIM: share that is still on a mode without the time", kept, ">", 0.5)

# %% [markdown]
# *The figure: the network with the time, then the control. Where did the control's points gather?*

# %% tags=["measure"]
# @title The generated points
plots.scatter(
    {
        f"{name.split(', ')[1]}: {on_mode[name]:.0%} on a mode": {name: x}
        for name, x in drawn.items()
    },
    dot=2,
    limit=2.5,
    title="With the time (green) both reach the clusters; without it (grey) ancestral steps fail",
    alt="Four clouds. Model, DDIM: eight round clusters with a few stray points between them. "
    "Model, ancestral: eight round clusters. Control, DDIM: eight short curved lines near the "
    "clusters, and a few points in the middle. Control, ancestral: a filled disc.",
)

# %% [markdown]
# With fresh noise in each step the control fails clearly. By DDIM most of its points land on a mode, but as streaks, and our bounds say *no*. So *ancestral
# steps needed the time; DDIM needed it less*: for this target, the noise. A network that must say the data, and is not told the time, fails by both ([log](../docs/experiments.md)).

# %% [markdown]
# ## Predicting something else
#
# *Must it be the noise that is predicted?* If $x_t$ is known, the noise gives the data, and the data gives the noise. So a network may be asked
# for any mixture of the two, and a `Denoiser` turns each answer into both:
#
# | `predicts` | the network says | what an error $d$ of $\hat x_0$ costs in its loss |
# |---|---|---|
# | `"eps"` | $\varepsilon$, the noise | $(\alpha/\sigma)^2\,d^2$ |
# | `"x0"` | $x_0$, the data | $d^2$ |
# | `"v"` | $\alpha\,\varepsilon - \sigma\,x_0$ | $(\alpha^2+\sigma^2)^2/\sigma^2 \cdot d^2$ |
# | `"flow"` | $\varepsilon - x_0$, the straight way from data to noise | $(\alpha+\sigma)^2/\sigma^2 \cdot d^2$ |
#
# The last column: if $\hat x_0$ is off by $d$, then $\hat\varepsilon = (x_t - \alpha\,\hat x_0)/\sigma$ is off by $-\tfrac{\alpha}{\sigma}\,d$, and each answer by its mixture of the two. So targets differ in what
# the network must say, *and* in which times the loss cares about.
#
# We train each target on three seeds, with the same budget. **Guess first:** which is weakest near the data, which near the noise?
#
# *The figure: mean of three seeds. Look at both ends.*

# %% tags=["measure"]
# @title The error of four targets at each time
seeds = (0, 1, 2)
trained, relative = {}, {}
for predicts in ("eps", "x0", "v", "flow"):
    trained[predicts] = [train_on_ring(predicts, predicts, seed) for seed in seeds]
    ratios = [error_of(denoiser) / floor for denoiser, _ in trained[predicts]]
    relative[predicts] = torch.stack(ratios)  # (seeds, times)

plots.curves(
    {
        {"eps": "model (eps)"}.get(name, name): (grid, ratios.mean(0))
        for name, ratios in relative.items()
    },
    xlabel="t",
    ylabel="error / best possible",
    references={"reference: best possible": 1.0},
    styles={"flow": {"linestyle": ":"}},
    title="Here x0 is weak near the data, eps near the noise, v and flow at neither end",
    alt="Four curves over t. All lie close to 1 in the middle. x0 rises to more than twice the best "
    "at the smallest t, eps to about twice at the largest. v and flow stay near 1 at both ends.",
)


# %% tags=["measure"]
# @title Both ends, on every seed
def lead(weakest: str, end: int) -> Tensor:
    """The best seed of one target, minus the worst seed of all others, at one end of the grid."""
    others = [ratios[:, end].max() for name, ratios in relative.items() if name != weakest]
    return relative[weakest][:, end].min() - max(others)


claims.check(
    "near the data x0 is the weakest on every seed: its ratio, less the next",
    lead("x0", 0),
    ">",
    0.3,
)
claims.check(
    "near the noise eps is the weakest on every seed: its ratio, less the next",
    lead("eps", -1),
    ">",
    0.2,
)

# %% [markdown]
# This is the rise at the noisy end that we had left open. One explanation: near the data $x_t$ nearly shows $x_0$: the best possible error of the data is tiny, and the small error that every network makes is a multiple of it. Near the noise
# the same holds for $\varepsilon$. And $v$? At $t = 0$ it *is* the noise, at $t = 1$ it *is* minus the data: at both ends it asks for what is hard to read off $x_t$.
#
# A second explanation: the weighting changed with the target. These curves cannot tell the two apart. Exercise 02.4 builds the loop that can. First a short one.

# %% [markdown]
# ### Exercise 02.3 - What v implies (10 min, easy)
#
# The network said $v = \alpha\,\varepsilon - \sigma\,x_0$, and it saw $x_t = \alpha\,x_0 + \sigma\,\varepsilon$. Return the data and the noise. It must
# hold for any schedule, also one where $\alpha^2 + \sigma^2$ is not 1, and at both ends, where $\alpha$ or $\sigma$ is 0.
#
# <details><summary>Hint</summary>
#
# Two equations, two unknowns. Which sum of the two has no $\varepsilon$ in it?
#
# </details>


# %% tags=["exercise"]
def from_v(v: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Return the data and the noise that a prediction of v implies.

    Args:
        v: (B, D) what the network said.
        x_t: (B, D) what it saw.
        alpha: (B, 1) factors of the data.
        sigma: (B, 1) factors of the noise.

    Returns:
        x0_hat, eps_hat: each (B, D).
    """
    # BEGIN SOLUTION
    power = alpha**2 + sigma**2
    x0_hat = (alpha * x_t - sigma * v) / power
    eps_hat = (sigma * x_t + alpha * v) / power
    return x0_hat, eps_hat
    # END SOLUTION


# %% tags=["check"]
checks.run("02.3", from_v)

# %% [markdown]
# ### Exercise 02.4 - A loop with its own weighting (20 min, medium)
#
# Train a network that answers with the **data**, and let the caller choose which times matter. The loss of a batch is the mean over its examples of
# `weight(t)` times the squared error of $\hat x_0$, itself a mean over the coordinates. One plain step of the optimizer for each batch. Return the losses.
#
# <details><summary>Hint</summary>
#
# `weight(t)` has shape `(B,)`: one factor for each example, not for each coordinate. A loss that is turned into a number too early has no gradient.
#
# </details>


# %% tags=["exercise"]
def train_weighted(net, optimizer, batches, schedule, weight) -> list[float]:
    """Train net to predict the data, and return the loss of each batch before its step.

    Args:
        net: called as net(x_t, t), returns x0_hat (B, D).
        optimizer: holds the weights of net.
        batches: a list of (x0, t, eps): clean points (B, D), times (B,), noise (B, D).
        schedule: has alpha(t) and sigma(t), each (B,) -> (B,).
        weight: weight(t) says how much each example counts, (B,) -> (B,).

    Returns:
        One loss for each batch.
    """
    # BEGIN SOLUTION
    losses = []
    for x0, t, eps in batches:
        x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
        squared = (net(x_t, t) - x0).square().mean(dim=1)  # (B,)
        loss = (weight(t) * squared).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
    # END SOLUTION


# %% tags=["check"]
checks.run("02.4", train_weighted)

# %% [markdown]
# To go on: train a `PointMLP` that predicts the data, once with weight 1 and once with the weighting of `"eps"`, cut at 100. Which end of the curves above does the weighting
# explain? The [log](../docs/experiments.md) has what was found.

# %% [markdown]
# ## Averaging the weights
#
# *Can the same training give more?* The loss of a batch is noisy, so the weights tremble. Many recipes sample from an **exponential moving average** (EMA)
# instead: after every step, $\bar\theta \leftarrow 0.99\,\bar\theta + 0.01\,\theta$, roughly the average of the last 100. Another way to calm them is a rate that falls to zero. **Guess first:** are
# both needed? Three seeds, predicting $v$.


# %% tags=["measure"]
# @title Error above the best possible: mean of three seeds, and range
def excess(denoiser) -> float:
    """How far the error is above the best possible, as a share of it; a mean over t."""
    return float(error_of(denoiser).mean() / floor.mean() - 1)


constant = [train_on_ring("v_constant", "v", s, lr_schedule=training.constant) for s in seeds]
above = {
    "neither": [excess(now) for now, _ in constant],
    "average of the weights": [excess(average) for _, average in constant],
    "falling rate": [excess(now) for now, _ in trained["v"]],
    "both": [excess(average) for _, average in trained["v"]],
}
print("error above the best possible, mean and range of three seeds")
for name, shares in above.items():
    print(f"{name:24}{sum(shares) / 3:.1%}  ({min(shares):.1%} to {max(shares):.1%})")

gain = min(above["neither"]) - max(above["average of the weights"] + above["falling rate"])
claims.check("with either of the two nearer to the best on every seed (share)", gain, ">", 0.01)

# %% [markdown]
# On this toy either is enough.

# %% [markdown]
# ## Back to the digits
#
# *Does the same work for images?* The loss, the loop and the sampler of the first cell are those above, with $v$ as the target: its estimate of the data does not divide by $\alpha$ (exercise 02.3), so
# sampling could begin at $t = 1$. The network is a **U-Net**: it shrinks an image twice, works at each of the three sizes, and grows it again, joining what it saw on the way down.
#
# You counted twenty. A **judge** counts all 200: a small classifier, trained on real digits only. By luck alone it reads anything as the digit that was asked one time in ten, so it also sees three
# fakes. In *shuffled pixels* each pixel comes from another real digit, from the same place: the brightness of every place is right, and no stroke is left.

# %% tags=["measure"]
# @title A judge is trained, and fakes are made
test, test_labels = (part.to(course.device) for part in digits.test)

torch.manual_seed(course.seed)
judge = measure.Judge(sizes.side).to(course.device)
history = training.fit(
    judge,
    data.Batches(train, labels, batch_size=64, seed=course.seed),
    measure.classification_loss,
    num_steps=400,
    optimizer=training.adamw(judge, 3e-3),
    checkpoint=course.checkpoint("judge"),
)
random = torch.Generator().manual_seed(4)


def noisy(images: Tensor, size: float) -> Tensor:
    """The same images with noise of this size, cut to [-1, 1]."""
    return (images + size * torch.randn(images.shape, generator=random).to(images)).clamp(-1, 1)


flat = test.flatten(1)
order = torch.rand(flat.shape, generator=random).argsort(dim=0)
shuffled = flat.gather(0, order.to(flat.device)).view_as(test)
pure = noisy(torch.zeros_like(test), 1.0)

# %% tags=["measure"]
# @title Real digits, generated ones and fakes: does the judge read what was asked?
readable = {
    "reference: held-out digits": judge.accuracy(test, test_labels),
    "model": judge.accuracy(painted, asked),
    "control: shuffled pixels": judge.accuracy(shuffled, test_labels),
    "control: blank": judge.accuracy(torch.full_like(test, -1), test_labels),
    "control: noise": judge.accuracy(pure, test_labels),
}
by_luck = max(share for name, share in readable.items() if name.startswith("control"))
claims.check("generated digits read as what was asked", readable["model"], ">", 0.7)
claims.check("control: the best of three fakes is read by luck", by_luck, "<", 0.2)
plots.bars(
    readable,
    xlabel="share that the judge reads as the digit that was asked for",
    form="{:.0%}",
    title="Most generated digits are read as what was asked; fakes only by luck",
    alt="Five bars. Held-out digits and generated ones are near the full length; shuffled pixels, "
    "blank images and noise near a tenth.",
)

# %% [markdown]
# ## As a whole
#
# *And as a set?* The same good 3 a hundred times would be read well. Energy distance compares whole sets, by pixels or by the 64 **features** of the judge, the numbers it computes just before it
# decides. **Guess first:** which of the two sees that the shuffled pixels hold no digit?
#
# Random hundreds of each set are compared with real digits, 20 times. A number is the mean distance, less that of real against real, in units of their joint standard deviation.


# %% tags=["measure"]
# @title Two distances between a hundred images and a hundred real ones
def estimates(distance, *sets: Tensor) -> measure.Scatter:
    """20 estimates of the distance of two sets, or of two parts of one."""
    return measure.subsampled(distance, *sets, size=100, generator=torch.Generator().manual_seed(5))


def above_real(distance, images: Tensor) -> float:
    """How far images are above real against real, in units of the scatter of both."""
    return estimates(distance, images, test).above(estimates(distance, test))


by_pixels, by_features = measure.energy_distance, judge.distance
claims.check("shuffled pixels above real, by pixels", above_real(by_pixels, shuffled), "<", 3)
claims.check("shuffled pixels above real, by features", above_real(by_features, shuffled), ">", 6)
unseen = above_real(by_features, painted)
claims.check("generated digits above real, by features", unseen, "<", 2)

# %% [markdown]
# The pixels hardly notice that every stroke is gone: the wrong instrument. By the features the generated digits lie within the scatter of real ones: *not seen
# with 100 images*, not *equal*.

# %% [markdown]
# ## New samples, or copies?
#
# *Are they new?* The exact denoiser of the training set gives samples as well, and they are perfect digits. **Guess first:** what will they be?
#
# *The figure: ten samples of each; under each, the nearest training digit. The formula is told no label, so its digits come in any order.*

# %% tags=["measure"]
# @title Ten samples of the network, ten of the formula, and the nearest training digits
steps = diffusion.sample(exact, painted.shape, num_steps=25, generator=random)
from_exact = last(steps).state


def nearest_known(images: Tensor) -> Tensor:
    """The training digit next to each image."""
    return train[torch.cdist(images.flatten(1), known).argmin(1)]


shown = [painted[:10], from_exact[:10]]
plots.image_grid(
    torch.stack([row for images in shown for row in (images, nearest_known(images))]),
    rows=["network", "nearest", "formula", "nearest"],
    title="The formula gives back training digits, the network does not",
    alt="Four rows of ten digits. The network's digits resemble the training digits under them, "
    "with other strokes. The formula's are the same as those under them.",
)

# %% [markdown]
# Now for all 200. A distance alone does not tell: a copy under noise is as far away as a new digit. But it has a *favourite*: the nearest training digit is much
# nearer than the second. Nearest over second nearest is 0 for a copy, and near 1 where there is no favourite; we take the value that a tenth of the samples is below. *New* means that three bounds hold, set between held-out digits and fakes:
#
# - *no favourite*: this ratio is above 0.72;
# - *read as asked*: the judge does so with more than 70 % (nobody asked for the copies: they are to be read as what was copied);
# - *right as a set*: by the features, less than 2 scatters above real digits.


# %% tags=["measure"]
# @title New, or copied? Held-out digits, the network's, and fakes
def favourite(images: Tensor) -> float:
    """The 10 % quantile of: distance to the nearest training digit / to the second nearest."""
    near = measure.nearest(images[:200], train, 2)
    return float((near[:, 0] / near[:, 1]).quantile(0.1))


copies, copied = train[:200], labels[:200]
means = torch.stack([train[labels == k].mean(0) for k in range(10)])
apart = torch.cdist(copies.flatten(1), known)
apart = apart.masked_fill(copied[:, None] != labels, torch.inf)  # only digits of the same class
beside = train[apart.topk(2, largest=False).indices].mean(1)  # each and its neighbour
suspects = {
    "reference: held-out digits": (test, test_labels),
    "model": (painted, asked),
    "fake: noise": (pure, test_labels),
    "fake: copies": (copies, copied),
    "fake: copies, noise of 0.4": (noisy(copies, 0.4), copied),
    "fake: copies, noise of 0.6": (noisy(copies, 0.6), copied),
    "fake: averages of the classes": (means[asked], asked),
    "limit: copies, moved by a pixel": (copies.roll(1, dims=3), copied),
    "limit: two neighbours, averaged": (beside, copied),
}
is_new = {}
for name, (images, wanted) in suspects.items():
    failed = {
        "has a favourite": favourite(images) <= 0.72,
        "not read as asked": judge.accuracy(images, wanted) <= 0.7,
        "wrong as a set": images is not test and above_real(judge.distance, images) >= 2,
    }
    is_new[name] = not any(failed.values())
    print(f"{name:34}{'new' if is_new[name] else ', '.join(k for k in failed if failed[k])}")

both = is_new["model"] and is_new["reference: held-out digits"]
claims.check("generated digits are new, and held-out ones, by three bounds", both, "==", True)
passing = sum(new for name, new in is_new.items() if name.startswith("fake"))
claims.check("fakes that pass for new, of five", passing, "==", 0)
claims.check("the exact denoiser copies: its favourite", favourite(from_exact), "<", 0.2)

# %% [markdown]
# The last two rows are the limit of this instrument: training digits moved by one pixel pass, and averages of two neighbours. So *new* means here: not the same pixels.
#
# The exact denoiser can only give back what is in its training set. A network that reached it could say nothing new; this one misses it. What networks put
# between the examples is studied by Kadkhodaie et al. (2024); large ones do copy some of their training images (Carlini et al. 2023).

# %% [markdown]
# ## Turn it yourself
#
# *Where do network and formula part ways, and where do they meet again?* The digits here are held out: neither has seen them. The network is told the label, so the formula
# averages only training digits of the same class.

# %% tags=["measure"]
# @title A slider over the time
formulas = [diffusion.ExactDenoiser(train[labels == k], schedule) for k in range(10)]


@torch.no_grad()
def two_guesses(images: Tensor, wanted: Tensor, t: float) -> tuple[Tensor, Tensor, Tensor]:
    """The images at time t, the network's guess, and that of the formula of each one's class."""
    eps = torch.randn(images.shape, generator=torch.Generator().manual_seed(6)).to(images)
    x_t = schedule.alpha(t) * images + schedule.sigma(t) * eps
    times = x_t.new_full((len(x_t),), t)
    by_formula = torch.empty_like(x_t)
    for k in range(10):
        mine = wanted == k
        by_formula[mine] = formulas[k](x_t[mine], times[mine]).x0_hat
    return x_t, painter(x_t, times, wanted).x0_hat, by_formula


def compare(t: float):
    """Six held-out digits at time t, and two guesses."""
    six = slice(10, 16)
    x_t, *guesses = two_guesses(test[six], test_labels[six], t)
    wrong = [float((guess - test[six]).square().mean()) for guess in guesses]
    return plots.image_grid(
        torch.stack([test[six], x_t, *guesses]),
        rows=["clean", "noisy", "network", "formula"],
        title=f"t = {t:g}, these six: squared error {wrong[0]:.3f} (network), {wrong[1]:.3f} (formula)",
        alt="Four rows of six digits: clean, noisy, the guess of the network, and that of the "
        "formula, which is always sharp and sometimes another shape.",
    )


widgets.slider(compare, t=[k / 20 for k in range(1, 20)])

# %% [markdown]
# At $t = 0.4$, without a slider. *The figure: compare each guess with the clean digit above it. Is it the same handwriting?*

# %% tags=["measure"]
# @title The same at t = 0.4
compare(t=0.4)


# %% tags=["measure"]
# @title All held-out digits: squared error of the formula over that of the network
def formula_over_network(t: float) -> float:
    """Squared error of the formula over that of the network, on all held-out digits."""
    _, *guesses = two_guesses(test, test_labels, t)
    of_network, of_formula = ((guess - test).square().mean() for guess in guesses)
    return float(of_formula / of_network)


claims.check("unseen digits, t = 0.4: formula / network error", formula_over_network(0.4), ">", 1.5)
claims.check("control: at t = 0.8 formula / network error", formula_over_network(0.8), "<", 1.15)

# %% [markdown]
# The formula is the best possible denoiser *of the training set*, and of nothing else. At little noise it insists on one of its own digits. At much noise
# the guess is an average of many, and the formula is even a little ahead.

# %% [markdown]
# ## Where the claim stops being true
#
# - *Predict the noise* is a habit. Three other targets train the same denoiser, each with its own weighting of times; two of them were steadier at the ends here.
# - *At each step*: training has no chain of steps. Each example gets one random time.
# - *Allowing it to generate*: by ancestral steps the ring needed the time as an input; DDIM needed it less. That is no rule: on images, which show their noise level better,
#   most samplers lose little without the time, and of those that Sun et al. (2025) tried it was DDIM that failed.
# - *New samples*: they could not be new if the optimum on the training set were reached.

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
# | objective | `denoising_loss(model, batch)`: squared error of the noise | `next_token_loss(model, batch)`: cross-entropy of the next token |
# | floor of the loss | error of the best possible denoiser | entropy of the text (lesson 06) |
# | training | `fit(model, batches, loss_fn)` | the same function |
# | the optimum on finite data | copies its examples | copies its text |
#
# ## Papers
#
# - Ho et al. 2020, *Denoising diffusion probabilistic models*, arXiv:2006.11239: predicting the noise; the ancestral sampler.
# - Vincent 2011, *A connection between score matching and denoising autoencoders*: why denoising is enough.
# - Karras et al. 2022, *Elucidating the design space of diffusion-based generative models*, arXiv:2206.00364: the exact denoiser, appendix B.3.
# - Song et al. 2021, *Denoising diffusion implicit models*, arXiv:2010.02502: DDIM.
# - Tancik et al. 2020, *Fourier features let networks learn high frequency functions in low dimensional domains*, arXiv:2006.10739.
# - Salimans & Ho 2022, *Progressive distillation for fast sampling of diffusion models*, arXiv:2202.00512: predicting v, and the weighting that each target implies.
# - Ronneberger et al. 2015, *U-Net: convolutional networks for biomedical image segmentation*, arXiv:1505.04597.
# - Szekely & Rizzo 2013, *Energy statistics: a class of statistics based on distances*.
# - Jordan et al. 2024, *Muon: an optimizer for hidden layers in neural networks*, kellerjordan.github.io/posts/muon. Only the digits of the first cell use it.
# - Carlini et al. 2023, *Extracting training data from diffusion models*, arXiv:2301.13188: copies.
# - Kadkhodaie et al. 2024, *Generalization in diffusion models arises from geometry-adaptive harmonic representations*, arXiv:2310.02557.
# - Sun et al. 2025, *Is noise conditioning necessary for denoising generative models?*, arXiv:2502.13129.
