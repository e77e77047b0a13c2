# %% [markdown]
# # 05 · Beyond images
#
# **Is diffusion about images? And must its network be a U-Net?**
#
# After this lesson you can
#
# - cut images, sounds, clips and clouds of points into tokens, and put them together again;
# - write a transformer denoiser around a ready attention layer, with a block that is told the time;
# - measure what cannot be judged by looking: a pitch, a motion, a surface. And you know how each measure is fooled.
#
# *35 minutes to read, 50 for the exercises, about 90 seconds to run on two cores. Needs lessons 02 (v as the target) and 04 (labels). The quoted claims are from [the article](../docs/article.md).
# Each exercise is solved in [the answer booklet](answers/05_beyond_images.ipynb).*

# %% tags=["setup"]
import torch
from torch import Tensor

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("05", seed=0)
claims = Claims("05")
sizes = course.sizes(
    cpu=dict(cloud_steps=700, unet_steps=160, dit_steps=480, width=44, widths=(16, 24, 32)),
    gpu=dict(cloud_steps=2000, unet_steps=800, dit_steps=2400, width=88, widths=(32, 48, 64)),
)

# %% [markdown]
# ## The claim
#
# > *Continuous data: images, audio, video, 3D models.*
#
# So says the article of what diffusion models put out. First, listen. The network below was trained on short notes, each a pure tone of 0.064 seconds. It learned for longer than a lesson may
# take, so its weights come with the course ([recipe](../course_utils/recipes/notes.py)). In training it heard single notes; the tune is in the labels that we pass. We ask for fifteen notes, one after the other.

# %%
from course_utils import data, diffusion, measure, recipes, training
from course_utils.records import last

singer = recipes.load("notes", course.device)
tune = torch.tensor([2, 2, 3, 4, 4, 3, 2, 1, 0, 0, 1, 2, 2, 1, 1], device=course.device)
steps = list(
    diffusion.sample(
        singer, (15, 512), num_steps=25, cond=tune, generator=torch.Generator().manual_seed(3)
    )
)

# %% [markdown]
# *Three sounds: after the first call of 25, after 19, and at the end. A short rest follows each note, or the tune would be over in a second. Which tune is it?*

# %% tags=["measure"]
# @title After one call, after nineteen, and the tune


def in_a_row(sounds: Tensor) -> Tensor:
    """Sounds (N, T) one after another, half as loud, with a short rest after each."""
    return torch.nn.functional.pad(sounds.cpu() / 2, (0, 480)).flatten()


calls = {f"after {call} of 25 calls": in_a_row(steps[call - 1].state) for call in (1, 19, 25)}
plots.player(calls, rate=data.SAMPLE_RATE)

# %% [markdown]
# It is the *Ode to Joy*. How in tune is it? We will measure that, to about two hundredths of a semitone. But first: what had to change to get from digits to sounds?

# %% [markdown]
# ## What the loop does not know
#
# Four kinds of data: digits, notes, clips of a moving digit, and clouds of points on a surface. Each is an array of numbers of about unit size. **Guess first:** which parts of lesson 02, the noising, the loss, the training loop,
# the sampler, must be written anew for each?

# %%
from course_utils.recipes.clips import ten_digits

random = torch.Generator().manual_seed(course.seed)
digits = data.load_digits(16)
four = {
    "images": digits.test.images[:64],
    "sounds": data.random_notes(64, generator=random).waves,
    "clips": data.moving_digits(*ten_digits(), 64, generator=random).frames,
    "clouds": data.random_clouds(64, 64, generator=random).points,
}
schedule = diffusion.Cosine()
for name, x0 in four.items():
    x_t, eps = diffusion.add_noise(x0, 0.5, schedule, generator=random)
    print(f"{name:7} {tuple(x0.shape)!s:19} std {x0.std():.2f}   noisy {tuple(x_t.shape)}")

# %% [markdown]
# None. Here is the noising; watch for the other three below. `add_noise`, `denoising_loss`, `fit` and `sample` multiply and add numbers one by one, and average. They never ask which number stands beside which. Only the **network** must know what
# it is shown. So the question becomes: is there one network for all four?
#
# A U-Net is not: it shrinks a grid and grows it again, and a cloud of points has no grid.

# %% [markdown]
# ## Tokens
#
# A **transformer** sees a list of vectors, its **tokens**, and puts out a list of the same length. (Lesson 07 builds one for text.) So we cut the data into equal pieces, and each piece is a token. For
# an image a piece is a square **patch** of $P \times P$ pixels. Cutting takes no loop: split both sides, bring what belongs together side by side, flatten.


# %%
def cut(images: Tensor, patch: int) -> Tensor:
    """Cut images (B, C, H, W) into square patches, row by row: (B, T, C P P)."""
    batch, channels, height, width = images.shape
    rows, columns = height // patch, width // patch
    parts = images.reshape(batch, channels, rows, patch, columns, patch)
    parts = parts.permute(0, 2, 4, 1, 3, 5)  # B, rows, columns, C, P, P
    return parts.reshape(batch, rows * columns, channels * patch * patch)


def join(tokens: Tensor, channels: int, height: int, width: int, patch: int) -> Tensor:
    """Put patches (B, T, C P P) together again: (B, C, H, W)."""
    rows, columns = height // patch, width // patch
    parts = tokens.reshape(-1, rows, columns, channels, patch, patch)
    parts = parts.permute(0, 3, 1, 4, 2, 5)  # B, C, rows, P, columns, P
    return parts.reshape(-1, channels, height, width)


# %% [markdown]
# *The figure: a digit, its sixteen patches, and the same sixteen in another order.* **Guess first:** would a transformer tell the last two apart?

# %% tags=["measure"]
# @title A digit as a list of patches
seven = digits.test.images[7:8]
pieces = cut(seven, 4)[0].view(16, 1, 4, 4)
mixed = pieces[torch.randperm(16, generator=random)]
figure, axes = plots.panels(
    3,
    title="A transformer gets the pieces, not the picture",
    titles=["the image", "its patches", "the same, shuffled"],
    alt="Left a digit of 16 x 16 pixels. In the middle the same in 4 x 4 squares with gaps. Right "
    "the squares in random order: no digit can be seen.",
    size=(7.5, 2.7),
)
for ax, shown in zip(axes, (seven, pieces, mixed), strict=True):
    plots.image_grid(shown, per_row=4, ax=ax)
figure

# %% [markdown]
# No: attention asks *what* a token holds, never *where* it stood. Each patch gets the same answer, wherever it stands. (A network of digits without places draws what no judge can read: [log](../docs/experiments.md).)
#
# So a vector that tells the place is added to each token. It starts as waves: place $k$ of $n$ gets $\sin(2\pi m k/n)$ and $\cos(2\pi m k/n)$ for several $m$ from $1/2$ to $n/2$. An image gives half of the vector to the row and
# half to the column; a clip gives a third each to time, row and column. Training may change them further. A cloud of points has no order, so it gets no places.
#
# The package cuts any array into blocks. `Patches` are blocks of an image, `Frames` are slices of a sound, `Clip` cuts in space *and* time, and for `Points` a token is one point.

# %%
cutters = {
    "images": diffusion.Patches(channels=1, side=16, patch=4),
    "sounds": diffusion.Frames(samples=512, frame=32),
    "clips": diffusion.Clip(frames=8, side=16, patch=4, span=2),
    "clouds": diffusion.Points(count=64, dimensions=3),
}
for name, tokens in cutters.items():
    print(f"{name:7} {tokens.count:3} tokens of {tokens.size:2} numbers")

# %% tags=["measure"]
# @title Do cut and join do the same?
image_tokens = cut(four["images"], 4)
same = torch.equal(image_tokens, cutters["images"].cut(four["images"]))
claims.check("cut is the package's Patches", same, "==", True)
back = torch.equal(join(image_tokens, 1, 16, 16, 4), four["images"])
claims.check("join undoes cut", back, "==", True)

# %% [markdown]
# ### Exercise 05.1 - A clip from its pieces (20 min, medium)
#
# A piece of a clip covers `span` frames and `patch` x `patch` pixels. Put the pieces together again. Time changes slowest, then the row, then the column: the number of a token is (time x rows + row) x columns + column. So do the numbers in a token:
# frame by frame, and in each frame channel by channel, row by row.
#
# <details><summary>Hint</summary>
#
# Give every axis its own name: three of the grid, four inside a piece. Which two make up the frames of the clip, and in which order?
#
# </details>


# %% tags=["exercise"]
def join_pieces(tokens: Tensor, shape: tuple, span: int, patch: int) -> Tensor:
    """Return the clips that were cut into these pieces.

    Args:
        tokens: (B, T, K) with T = (F / span) (H / patch) (W / patch), K = span C patch patch.
        shape: (F, C, H, W) of a clip: frames, channels, height, width.
        span: frames in a piece; divides F.
        patch: rows and columns of pixels in a piece; divides H and W.

    Returns:
        (B, F, C, H, W).
    """
    # BEGIN SOLUTION
    frames, channels, height, width = shape
    grid = (frames // span, height // patch, width // patch)
    parts = tokens.reshape(-1, *grid, span, channels, patch, patch)  # B f h w k c p q
    parts = parts.permute(0, 1, 4, 5, 2, 6, 3, 7)  # B f k c h p w q
    return parts.reshape(-1, *shape)
    # END SOLUTION


# %% tags=["check"]
checks.run("05.1", join_pieces)

# %% [markdown]
# ## A block that is told the time
#
# > *Usually U-Net or Transformer-based denoising networks.*
#
# A transformer is a stack of equal **blocks**. Each does two things. *Attention*: every token takes what it asks for from all the others. We take that layer as it is; lesson 07 opens it. Then an *MLP*, at each
# token alone. Both results are added to what was there.
#
#     h = h + gate * attention(scale and shift(norm(h)))
#     h = h + gate * MLP(scale and shift(norm(h)))
#
# A denoiser must know the time $t$: how much noise to expect. The time becomes a vector $c$, and $c$ steers every block. From $c$ a linear layer makes six vectors: what attention sees is scaled and
# shifted, what it adds is multiplied by a **gate**; the same for the MLP. That layer starts at zero. (Peebles & Xie 2023 call it adaLN-Zero.) The scale enters as `1 + scale`, so that 0 means unchanged. The norm has no scale of its own.
#
# **Guess first:** what does such a block do to its tokens before the first training step?

# %%
from torch import nn
from torch.nn.functional import silu

from course_utils.layers import Attention, time_embedding


def zero(layer: nn.Linear) -> nn.Linear:
    """The same layer, with weights of 0 at the start."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class TimedBlock(nn.Module):
    """Tokens h (B, T, D) and a condition c (B, D) in, tokens (B, T, D) out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)  # no weights: it serves twice
        # four heads; causal=False: a token sees those after it, too
        self.attention = Attention(width, num_heads=4, causal=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False),
            nn.ReLU(),
            nn.Linear(4 * width, width, bias=False),
        )
        self.modulation = zero(nn.Linear(width, 6 * width))

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        six = self.modulation(c)[:, None].chunk(6, dim=-1)  # each (B, 1, D)
        shift, scale, gate = six[:3]
        h = h + gate * self.attention(self.norm(h) * (1 + scale) + shift)
        shift, scale, gate = six[3:]
        return h + gate * self.mlp(self.norm(h) * (1 + scale) + shift)


# %% [markdown]
# Nothing: the gates are 0, so it hands its tokens on unchanged. That is a gentle start: a deep stack begins as no stack at all.
#
# The whole denoiser: cut, enter, add the places, a few blocks, leave, join. The last layer, `leave`, starts at zero as well. So `leave` learns first; then `enter`, the places and the gates;
# once the gates are open, attention and MLP behind them.


# %%
class Transformer(nn.Module):
    """Noisy data (B, ...) and times (B,) in, the shape of the data out."""

    def __init__(self, tokens: diffusion.Tokens, width: int = 48, num_layers: int = 3) -> None:
        super().__init__()
        self.tokens, self.width = tokens, width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.enter = nn.Linear(tokens.size, width)
        self.positions = nn.Parameter(tokens.waves(width)) if tokens.ordered else None
        self.blocks = nn.ModuleList(TimedBlock(width) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = zero(nn.Linear(width, 2 * width))
        self.leave = zero(nn.Linear(width, tokens.size))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        c = silu(self.time(time_embedding(t, self.width)))  # (B, D)
        h = self.enter(self.tokens.cut(x))  # (B, T, D)
        if self.positions is not None:
            h = h + self.positions
        for block in self.blocks:
            h = block(h, c)
        shift, scale = self.modulation(c)[:, None].chunk(2, dim=-1)
        return self.tokens.join(self.leave(self.norm(h) * (1 + scale) + shift))


# %% [markdown]
# The package's is `DiT`, which also takes labels: each has a vector in a table, and `c = silu(time + table[label])`. Is it the same but for that? Two zeros would agree by luck, so we give both the same random weights first.

# %% tags=["measure"]
# @title The page's network beside the package's
largest = []
for name, tokens in cutters.items():
    torch.manual_seed(course.seed)
    page, package = Transformer(tokens), diffusion.DiT(tokens, width=48, num_layers=3)
    for weight in package.parameters():
        nn.init.normal_(weight, std=0.2)
    page.load_state_dict(package.state_dict())
    x, t = four[name], torch.rand(64)
    largest.append((page(x, t) - package(x, t)).abs().max() / package(x, t).abs().max())
claims.check(
    "page and package agree on all four kinds (largest difference)", max(largest), "<", 1e-4
)

# %% [markdown]
# ## A cloud of points
#
# Now we train one, whole. Each cloud has 64 points on *one* of three surfaces: a torus, a Swiss roll, the faces of a cube. Nobody tells the network which. So there are two things to learn: where the surfaces
# are, and that **all points of a cloud lie on the same one**. The first a point could learn alone. For the second the points must look at each other.

# %%
clouds = data.random_clouds(4000, 64, generator=random).points.to(course.device)
batches = data.Batches(clouds, batch_size=32, seed=course.seed)


def cloud_painter(seed: int) -> diffusion.Denoiser:
    """An untrained denoiser for clouds of 64 points."""
    torch.manual_seed(seed)
    net = diffusion.DiT(diffusion.Points(64), width=48, num_layers=2).to(course.device)
    return diffusion.Denoiser(net, schedule, predicts="v")


painter = cloud_painter(course.seed)
training.fit(
    painter,
    batches,
    diffusion.denoising_loss,
    num_steps=sizes.cloud_steps,
    optimizer=training.muon(painter, 0.02),
)


# %%
def draw(model: diffusion.Denoiser, shape: tuple, cond: Tensor | None = None) -> Tensor:
    """From noise to data in 25 calls of `sample`."""
    fixed = torch.Generator().manual_seed(4)
    steps = diffusion.sample(model, shape, num_steps=25, cond=cond, generator=fixed)
    return last(steps).state


drawn = draw(painter, (96, 64, 3))

# %% [markdown]
# A loss of this size need not be a failure: how low it can go (lesson 02's floor) is not known here. Look at what is drawn.
#
# Sixty-four dots are few for an eye. No weight of this network belongs to a certain point, so the same weights fit a network for 256 points. It was never trained on so many. We let it draw, too.

# %%
torch.manual_seed(course.seed)
net = diffusion.DiT(diffusion.Points(256), width=48, num_layers=2).to(course.device)
net.load_state_dict(painter.net.state_dict())  # there are no places, so all weights fit
dense = draw(diffusion.Denoiser(net, schedule, predicts="v"), (48, 256, 3))

# %% [markdown]
# *The figure: three clouds of 256 points. Near points are blue, far ones orange. Turn them. Which surface is each on?*

# %% tags=["measure"]
# @title A slider over the viewing angle
surfaces = list(data.SURFACES.values())


def to_surface(some: Tensor) -> tuple[Tensor, Tensor]:
    """For clouds (N, P, 3): which surface is nearest, and the distances (N, P) of their points."""
    away = torch.stack([surface.distance(some) for surface in surfaces], dim=1)  # (N, 3, P)
    which = away.mean(2).argmin(1)
    return which.cpu(), away[torch.arange(len(some)), which].cpu()


which, _ = to_surface(dense)
first = [int((which == kind).int().argmax()) for kind in (1, 0, 2)]  # of each surface
shown = {f"cloud {k + 1}": dense[place].cpu() for k, place in enumerate(first)}


def turned(turn: int) -> plots.Picture:
    """Three clouds from one side."""
    return plots.clouds(
        shown,
        turn=turn,
        lift=15,
        title="Three clouds made from noise" + (f", turned by {turn} degrees" if turn else ""),
        alt="Three clouds of 256 dots, near ones blue, far ones orange. The first is a sheet rolled "
        "up, the second a ring, the third a box.",
    )


widgets.slider(turned, turn=range(45, 405, 15))

# %% [markdown]
# The same without a slider, from the side on which the sheet shows that it is rolled.

# %% tags=["measure"]
# @title The same, from one side
turned(turn=0)

# %% [markdown]
# A Swiss roll, a torus, a cube. The distance of a point to each is a formula, so we can measure. Two questions to each cloud:
#
# - **near**: the mean distance of its points to the surface that suits it best; below 0.12 (a surface is about 3 across);
# - **covers**: the share of that surface that has one of 64 points of the cloud within 0.7; above 80 %. Without this question, one point 64 times would do.
#
# A cloud *passes* if both hold. Fakes come first, here and for every kind below. *Exchanged* are real clouds whose points were exchanged between them, at random: each point lies exactly where points of the data lie.
#
# **Guess first:** what share of the exchanged clouds passes?

# %% tags=["measure"]
# @title Instruments for clouds
everywhere = [
    s.sample(400, generator=torch.Generator().manual_seed(9)).to(course.device) for s in surfaces
]


def on_surface(some: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For clouds (N, P, 3): nearest surface (N,), distances to it (N, P), share covered (N,)."""
    which, away = to_surface(some)
    pairs = zip(some, which.tolist(), strict=True)
    share = [measure.covered(everywhere[kind], cloud[:64], 0.7) for cloud, kind in pairs]
    return which, away, torch.tensor(share)


def exchanged(x: Tensor, dim: int = 1) -> Tensor:
    """Examples (N, ...) whose parts along an axis were exchanged between them, place by place."""
    order = torch.rand(len(x), x.shape[dim], generator=random).argsort(dim=0)
    order = order.view(*order.shape, *[1] * (x.ndim - 2)).expand_as(x).to(x.device)
    return x.gather(0, order)


# %% tags=["measure"]
# @title Clouds that are real, controls and fakes
fresh, labels = data.random_clouds(96, 64, generator=random)
fresh = fresh[labels.argsort()].to(course.device)
many = data.random_clouds(48, 256, generator=random).points.to(course.device)
strangers = torch.cat([fresh[:, :51], fresh.roll(48, 0)[:, 51:]], dim=1)  # of another kind
directions = torch.randn(96, 64, 3, generator=random).to(course.device)
untrained = draw(cloud_painter(course.seed), (96, 64, 3))
cloud_sets = {
    "reference: fresh real clouds": fresh,
    "control: untrained network": untrained,
    "control: points exchanged": exchanged(fresh),
    "control: exchanged, 256 points": exchanged(many),
    "control: spheres": 3**0.5 * directions / directions.norm(dim=2, keepdim=True),
    "control: one point 64 times": fresh[:, :1].expand_as(fresh),
    "fake: 13 strangers in each": strangers,
    "model": drawn,
    "the same weights, 256 points": dense,
}

# %% tags=["measure"]
# @title Near and covering: fakes first, then the network
cloud_pass, far = {}, {}
print(f"{'means over the clouds':31} near  covers  passes   points beyond 0.3")
for name, some in cloud_sets.items():
    which, away, share = on_surface(some)
    cloud_pass[name] = float(((away.mean(1) < 0.12) & (share > 0.8)).float().mean())
    far[name] = float((away > 0.3).float().mean())
    row = f"{away.mean():5.3f}{share.mean():8.0%}{cloud_pass[name]:8.0%}{far[name]:12.1%}"
    print(f"{name:31}{row}")
kinds = {}
for name in ("model", "the same weights, 256 points"):
    which, away, _ = on_surface(cloud_sets[name])
    kinds[name] = torch.bincount(which[away.mean(1) < 0.12], minlength=3) / len(which)
    shares = ", ".join(f"{k} {n:.0%}" for k, n in zip(data.SURFACES, kinds[name], strict=True))
    print(f"{name}: of all clouds, within 0.12 of the {shares}; the rest of none")

# %% tags=["measure"]
# @title What was found of the clouds
fooled = max(share for name, share in cloud_pass.items() if name.startswith("control"))
claims.check("clouds: share of the model's that pass", cloud_pass["model"], ">", 0.7)
claims.check("clouds: share of the model's points beyond 0.3", far["model"], "<", 0.06)
more = cloud_pass["the same weights, 256 points"]
claims.check("clouds: share that pass with four times the points", more, ">", 0.6)
claims.check("clouds: the best control passes", fooled, "<", 0.1)
claims.check("clouds: the rarest of three surfaces", kinds["model"].min(), ">", 0.12)
order = torch.randperm(64, generator=random)
with torch.no_grad():
    t = torch.full((96,), 0.6, device=course.device)
    x_t, _ = diffusion.add_noise(fresh, t, schedule, generator=random)
    apart = (painter.net(x_t[:, order], t) - painter.net(x_t, t)[:, order]).abs().max()
claims.check(
    "check of the code: points in another order, the same answer in that order", apart, "<", 1e-4
)

# %% [markdown]
# None of the exchanged clouds passes, though every single point is perfect. So *on the surface* is not enough: the points of a cloud must agree. *Passes* forgives much, though: with thirteen strangers among 64 points, from another surface, nearly all clouds still pass.
# The last column (the share of points farther than 0.3 from their cloud's surface) is stricter: it sees more than half of those strangers. The network has a third as many such points. (One training, one draw; others are in the log.)
#
# The network is a function of a **set**: no weight depends on the order of the points, nor on their number. The *answer* does depend on their number. With 256 points, which it never saw, fewer clouds pass, and fewer of them are Swiss rolls.

# %% [markdown]
# ## A clip
#
# Next: eight frames of a digit that crosses the picture on a straight line, each clip at its own constant speed. To learn a motion takes longer, so these weights come with the course too
# ([recipe](../course_utils/recipes/clips.py)). There are only ten shapes, one of each digit, and we ask for one of them: all that is left to invent is the motion. The class is `DiT` again, the tokens are pieces of 2 frames and 4 x 4 pixels.

# %%
filmer = recipes.load("clips", course.device)
asked = torch.arange(64, device=course.device) % 10
clips = draw(filmer, (64, 8, 1, 16, 16), cond=asked)

# %% [markdown]
# *The figure plays: ten clips made from noise.*

# %% tags=["measure"]
# @title Ten clips, playing
stills = [
    plots.image_row(
        clips[:10, frame].cpu(),
        titles=[str(k) for k in range(10)],
        title="Ten moving digits made from noise",
        alt="A row of ten small clips of digits 0 to 9. Each digit glides across its frame.",
    )
    for frame in range(8)
]
plots.animation(stills, seconds=0.18)

# %% [markdown]
# The same as strips of film: time runs to the right.

# %% tags=["measure"]
# @title Three of them, frame by frame
plots.image_grid(
    clips.cpu()[[3, 4, 7]],
    rows=["3", "4", "7"],
    columns=[f"frame {k + 1}" for k in range(8)],
    title="Three clips made from noise, frame by frame",
    alt="Three rows of eight frames, in each something moves. The 3 can be read at first and "
    "blurs, the 4 is a blob from the start, the 7 comes to look like a 9.",
    width=7.0,
)

# %% [markdown]
# Is it *the same speed* all the time? We track the centre of the ink. Then we fit the straight line at constant speed that comes closest to the eight places. And is it the digit that we asked for? Four questions:
#
# - **strays**: how far the places are from that line (root mean square); below 0.45 pixels;
# - **speed** of that line; above 0.25 pixels a frame. A picture that stands still strays nowhere;
# - **flickers**: by how much the amount of ink changes, as a share of it; below 15 %;
# - **shape**: we lay each of the ten shapes on a frame, at every place, and see which one fits best (the largest cosine). It must be the one asked for, in all eight frames.
#
# *Exchanged*: each frame is from another real clip. *Shuffled*: real clips, their frames in random order. *A blob*: a round spot that moves as real digits do. *Changing*: real clips whose digit turns into another half-way, and goes on as it went.
#
# **Guess first:** which of the fakes passes the first three questions?

# %% tags=["measure"]
# @title Real clips, fakes, and three questions to each
shapes, kinds = ten_digits()
real = data.moving_digits(shapes, kinds, 64, generator=torch.Generator().manual_seed(5))
# the same ways again, but 0 is 5 now, 1 is 6, ...
other = data.moving_digits(shapes.roll(5, 0), kinds, 64, generator=torch.Generator().manual_seed(5))
ramp = torch.arange(10) - 4.5
spot = 2 * torch.exp(-(ramp[:, None] ** 2 + ramp**2) / 6) - 1
blobs = data.moving_digits(
    spot.expand(10, 1, 10, 10), kinds, 64, generator=torch.Generator().manual_seed(5)
)
test_clips = real.frames.to(course.device)
changing = torch.cat([real.frames[:, :4], other.frames[:, 4:]], dim=1)


def watched(some: Tensor, labels: Tensor) -> tuple[measure.Motion, Tensor, Tensor]:
    """For clips (N, F, 1, H, W): their motion, does it pass, and which frames fit best (N, F)."""
    found = measure.track(some)
    passes = (found.strays < 0.45) & (found.speed > 0.25) & (found.flicker < 0.15)
    like = measure.likeness(some, shapes)  # (N, F, 10)
    own = like.gather(2, labels.cpu()[:, None, None].expand(-1, 8, 1))[..., 0]
    return found, passes, own == like.amax(2)  # a blank frame has nan, which equals nothing


# %% tags=["measure"]
# @title Motion and shape: fakes first, then the network
untrained = recipes.find("clips").untrained().to(course.device)
within = torch.stack([torch.randperm(8, generator=random) for _ in range(64)])
clip_sets = {
    "reference: real clips": test_clips,
    "control: untrained network": draw(untrained, clips.shape, cond=asked),
    "control: frames exchanged": exchanged(test_clips),
    "control: frames shuffled": test_clips[torch.arange(64)[:, None], within],
    "control: standing still": test_clips[:, :1].expand_as(test_clips),
    "control: blank": torch.full_like(test_clips, -1.0),
    "control: a blob": blobs.frames,
    "control: changing": changing,
    "model": clips,
}
clip_pass, moved, fitting = {}, {}, {}
print(f"{'medians, and shares':28}strays speed flickers | motion passes | shape, frames | all pass")
for name, some in clip_sets.items():
    found, passes, fits = watched(some, asked if name == "model" else real.labels)
    moved[name] = float(passes.float().mean())
    clip_pass[name] = float((passes & fits.all(1)).float().mean())
    fitting[name] = float(fits.float().mean())
    medians = (
        f"{found.strays.median():6.2f}{found.speed.median():6.2f}{found.flicker.median():9.0%}"
    )
    shares = f"{moved[name]:16.0%}{fitting[name]:16.0%}{clip_pass[name]:11.0%}"
    print(f"{name:28}{medians}{shares}")
worst = measure.track(real.frames)
as_real = (found.strays <= worst.strays.max()) & (found.speed >= worst.speed.min())
as_real &= found.flicker <= worst.flicker.max()
share = {
    "straight": found.strays < 0.45,
    "fast": found.speed > 0.25,
    "steady ink": found.flicker < 0.15,
    "shape in all frames": fits.all(1),
    "moves no worse than the worst real one": as_real,
}
print("of the model's clips:", {name: f"{ok.float().mean():.0%}" for name, ok in share.items()})

# %% tags=["measure"]
# @title What was found of the clips
fooled = max(share for name, share in clip_pass.items() if name.startswith("control"))
claims.check("clips: the share of the model's that move as they should", moved["model"], ">", 0.5)
claims.check("clips: share of their frames with the shape asked", fitting["model"], ">", 0.7)
claims.check("clips: the best control passes (chance 0.1)", fooled, "<", 0.2)
claims.check("clips: by motion alone, changing clips pass", moved["control: changing"], ">", 0.2)

# %% [markdown]
# A blob moves perfectly, and a digit that turns into another goes on moving: nearly half of those pass by motion. The last question catches both.
#
# And it catches the network. Two of three of its clips keep to our bounds of motion, but those are wide: of 64 real clips the worst moves better than any of these, and they are slower too, by a third. Half keep the shape that was asked for, and a third pass everything. You saw it above: the
# motion is there, the shapes blur. These weights are those of 3,000 steps, one training; whether more would do was not measured.
#
# ### Exercise 05.2 - The centre of the ink (10 min, easy)
#
# Write the tracker's first half. Ink is `(value + 1) / 2`: none at -1, full at 1. The centre is the mean place, weighted by the ink. A frame without ink has no centre, and must say `nan`.
#
# <details><summary>Hint</summary>
#
# No threshold is needed, and nothing is cut off. The columns are numbered 0, 1, 2, ... How much ink has each column in all its rows?
#
# </details>


# %% tags=["exercise"]
def centre_of_ink(frames: Tensor) -> Tensor:
    """Return where the ink of each frame is.

    Args:
        frames: (B, F, 1, H, W) in [-1, 1], ink at 1.

    Returns:
        (B, F, 2): pixels to the right, pixels downwards; the first pixel is at 0, 0.
    """
    # BEGIN SOLUTION
    ink = (frames[:, :, 0] + 1) / 2  # (B, F, H, W)
    height, width = ink.shape[2:]
    total = ink.sum((2, 3))  # (B, F); 0 / 0 is nan
    right = (ink.sum(2) * torch.arange(width)).sum(2) / total
    down = (ink.sum(3) * torch.arange(height)).sum(2) / total
    return torch.stack([right, down], dim=2)
    # END SOLUTION


# %% tags=["check"]
checks.run("05.2", centre_of_ink)

# %% [markdown]
# ## A sound
#
# Back to the notes. A tone is known by its **pitch**. The spectrum of the sound (its Fourier transform) has a peak; where the peak is, there is the frequency. Musicians measure the distance of two
# frequencies in **cents**: 100 cents are a semitone, 1,200 an octave. Three questions:
#
# - **off**: how far the pitch is from the note that was asked for; below 50 cents, or another note would be nearer;
# - **pure**: the share of the energy that one tone of that note explains, at any phase; above 75 %;
# - **loud**: how loud that one tone is, whatever else sounds beside it; 1 in the data; between 0.8 and 1.2. A whisper may be pure.
#
# And one question to all of them together. Given its note, only the **phase** of a tone is left to chance: where in its cycle it begins. If all of a note have the same phase, they are one recording. The length of the mean of $e^{i\,\text{phase}}$
# is 1 then. Two recordings of opposite phase have length 0; but twice their phase is the same phase, so we take $e^{2i\,\text{phase}}$ as well, and the larger length, note by note. Random phases of $N = 25$ sounds give about $1/\sqrt N = 0.2$. (Three recordings, evenly apart, would fool both.)

# %%
wanted = torch.arange(200, device=course.device) % 8
sung = draw(singer, (200, 512), cond=wanted)
hertz = data.note_frequency(wanted).cpu()
off = measure.cents(data.pitch(sung).cpu(), hertz)
print(f"half of {len(sung)} notes are within {off.abs().nanmedian():.1f} cents of what was asked")

# %% tags=["measure"]
# @title Instruments for sounds
fade = (torch.minimum(torch.arange(512), 511 - torch.arange(512)) / 80).clamp(max=1)


def heard(some: Tensor) -> tuple[Tensor, measure.Tones]:
    """For sounds (N, T) that should be `hertz`: cents off, and the tone that fits best."""
    away = measure.cents(data.pitch(some).cpu(), hertz).abs()
    fitted = measure.fit_tones(some, hertz, sample_rate=data.SAMPLE_RATE, envelope=fade)
    return away, fitted


def gathered_phases(phase: Tensor) -> float:
    """Are the 25 phases of a note one, or two that are opposite? A mean over the eight notes."""
    by_note = phase.view(25, 8)
    return float(max(measure.gathered(by_note, turns).mean() for turns in (1, 2)))


# %% tags=["measure"]
# @title Pitch, purity, loudness: fakes first, then the network
phases = 2 * torch.pi * torch.rand(200, generator=random)
opposite = torch.pi * (torch.arange(200) // 8 % 2)
real = data.tone(hertz, 0.064, phase=phases)
untrained = recipes.find("notes").untrained().to(course.device)
sound_sets = {
    "reference: real notes": real,
    "control: untrained network": draw(untrained, sung.shape, cond=wanted).cpu(),
    "control: slices exchanged": exchanged(real.view(200, 16, 32)).flatten(1),
    "control: a semitone too high": data.tone(hertz * 2 ** (1 / 12), 0.064, phase=phases),
    "control: silence": torch.zeros_like(real),
    "control: one recording a note": data.tone(hertz, 0.064),
    "control: two opposite recordings": data.tone(hertz, 0.064, phase=opposite),
    "model": sung.cpu(),
}
sound_pass, gathered = {}, {}
print(f"{'medians':34}off (cents)  pure   loud  passes  phases gathered")
for name, some in sound_sets.items():
    away, fitted = heard(some)
    good = (away < 50) & (fitted.purity > 0.75) & ((fitted.loudness - 1).abs() < 0.2)
    sound_pass[name] = float(good.float().mean())
    gathered[name] = gathered_phases(fitted.phase)
    numbers = (
        f"{away.nanmedian():10.1f}{fitted.purity.median():8.2f}{fitted.loudness.median():7.2f}"
    )
    print(f"{name:33}{numbers}{sound_pass[name]:8.0%}{gathered[name]:12.2f}")

# %% tags=["measure"]
# @title What was found of the sounds
singles = [n for n in sound_pass if n.startswith("control") and "recording" not in n]
fooled = max(sound_pass[name] for name in singles)
claims.check("sounds: share of the model's that pass", sound_pass["model"], ">", 0.6)
claims.check("sounds: the best control but the recordings passes", fooled, "<", 0.1)
claims.check("sounds: the model's phases are not gathered", gathered["model"], "<", 0.35)
least = min(share for name, share in gathered.items() if "recording" in name)
claims.check("control: those of one or two recordings a note are", least, ">", 0.9)

# %% [markdown]
# Half of the network's notes are within 1.2 cents. The instrument itself errs by up to 1.7, for each note by the same amount, so real notes are not at 0 either.
#
# *One recording a note* passes sound by sound, as it must: each is real. Only the last column sees it. An instrument for single examples says nothing about variety.
#
# ### Exercise 05.3 - Longer than the network (20 min, medium)
#
# The network takes 512 samples and no other number. Make a denoiser for sounds of any length from it: let it guess in overlapping windows, and at each sample take the **mean** of all the windows that hold it.
# Windows begin at 0, `hop`, `2 hop` and so on. If the last of them does not reach the end, one more is added that ends with the sound. (Bar-Tal et al. 2023 do this with images, and call it MultiDiffusion.)
#
# <details><summary>Hint</summary>
#
# Two tensors that begin at zero: the sum of what the windows say, and by how many windows each sample was seen.
#
# </details>


# %% tags=["exercise"]
def long_guess(denoise, x: Tensor, window: int, hop: int) -> Tensor:
    """Return a guess of the clean sound, for a noisy sound of any length.

    Args:
        denoise: denoise(x) with x (B, window) returns a guess (B, window).
        x: (B, L) noisy sounds, L >= window.
        window: samples that denoise takes.
        hop: from the beginning of one window to that of the next; 1 <= hop <= window.

    Returns:
        (B, L).
    """
    # BEGIN SOLUTION
    length = x.shape[1]
    starts = list(range(0, length - window + 1, hop))
    if starts[-1] + window < length:
        starts.append(length - window)
    total, count = torch.zeros_like(x), torch.zeros(length)
    for start in starts:
        here = slice(start, start + window)
        total[:, here] += denoise(x[:, here])
        count[here] += 1
    return total / count
    # END SOLUTION


# %% tags=["check"]
checks.run("05.3", long_guess)

# %% [markdown]
# ## U-Net or transformer?
#
# > *Usually U-Net or Transformer-based denoising networks.*
#
# The transformer took everything. Is it also better at what the U-Net is made for? We race them on the digits: about equal numbers of weights, the same loss, loop, optimizer and batches, three seeds each. Every so often we measure
# the squared error of the predicted noise on 100 held-out digits, averaged over eight times $t$.
#
# Equal in what? A step of the U-Net costs two to three times as much on a CPU. So the transformer gets three times as many steps, and sees three times as many digits. We look at the same runs twice: over **training steps**, and over **seconds** of the CPU.
#
# **Guess first:** which wins over steps, and which over seconds?

# %% tags=["measure"]
# @title Two networks of about equal size
from time import process_time

import numpy as np

train, labels = (part.to(course.device) for part in digits.train)
test, test_labels = (part.to(course.device) for part in digits.test)
grid = [(k + 0.5) / 8 for k in range(8)]
patches = diffusion.Patches(channels=1, side=16, patch=4)
networks = {
    "U-Net": lambda: diffusion.UNet(widths=sizes.widths, num_classes=10),
    "transformer": lambda: diffusion.DiT(patches, width=sizes.width, num_layers=3, num_classes=10),
}


def raced(kind: str, seed: int) -> diffusion.Denoiser:
    """An untrained denoiser of digits."""
    torch.manual_seed(seed)
    return diffusion.Denoiser(networks[kind]().to(course.device), schedule, predicts="v")


def error_of(model: diffusion.Denoiser) -> float:
    """Squared error of the predicted noise on 100 held-out digits, a mean over t."""
    fixed = dict(cond=test_labels[:100], generator=torch.Generator().manual_seed(1))
    return float(diffusion.error_by_time(model, test[:100], grid, **fixed).mean())


# %% tags=["measure"]
# @title How one of them is trained and watched
def race(model: diffusion.Denoiser, seed: int, num_steps: int) -> Tensor:
    """Train; rows of (step, seconds of training so far, error), five of them."""
    rows, measuring, begin = [], 0.0, process_time()

    def look(step: int) -> None:
        nonlocal measuring
        now = process_time()
        rows.append((step, now - begin - measuring, error_of(model)))
        measuring += process_time() - now

    steps = iter(range(num_steps))

    def watched_loss(model: diffusion.Denoiser, batch: tuple) -> Tensor:
        step = next(steps)
        if step and step % (num_steps // 5) == 0:
            look(step)
        return diffusion.denoising_loss(model, batch)

    training.fit(
        model,
        data.Batches(train, labels, batch_size=32, seed=seed),
        watched_loss,
        num_steps=num_steps,
        optimizer=training.muon(model, 0.02),
    )
    look(num_steps)
    return torch.tensor(rows)


# %% tags=["measure"]
# @title The race: two networks, three seeds
seeds = (0, 1, 2)
length = {"U-Net": sizes.unet_steps, "transformer": sizes.dit_steps}
painters, runs = {}, {}
for kind in networks:
    for seed in seeds:
        painters[kind, seed] = raced(kind, seed)  # seeds the noise of its training, too
        runs[kind, seed] = race(painters[kind, seed], seed, length[kind])
weights = {kind: measure.count_parameters(painters[kind, 0]) for kind in networks}
print({kind: f"{number:,} weights" for kind, number in weights.items()})

# %% [markdown]
# *The figure: each seed is a line. It ends where that run ended; seconds depend on what else the machine did.*

# %% tags=["measure"]
# @title The error over steps and over seconds
figure, axes = plots.panels(
    2,
    title="By the error, this small and this early, the U-Net is ahead by either clock",
    alt="Two panels with falling lines, over steps and over seconds. In both the three lines of "
    "the U-Net lie well below the three of the transformer.",
)
for ax, column, label in zip(
    axes, (0, 1), ("training step", "CPU seconds of training"), strict=True
):
    for (kind, seed), rows in runs.items():
        color = {"U-Net": plots.PURPLE, "transformer": plots.ORANGE}[kind]
        name = f"_{seed}" if seed else kind
        ax.plot(rows[:, column], rows[:, 2], color=color, label=name)
    ax.set(xlabel=label, ylabel="squared error of the noise")
axes[1].legend()
figure


# %% tags=["measure"]
# @title The race in numbers: mean of three seeds, and range
def after(rows: Tensor, column: int, place: float) -> float:
    """The error at a step, or after some seconds: on a line between two looks."""
    return float(np.interp(place, rows[:, column], rows[:, 2]))


least = min(float(rows[-1, 1]) for rows in runs.values())
gap = {}
for column, (clock, place) in enumerate({"steps": sizes.unet_steps, "seconds": least}.items()):
    error = {
        kind: measure.Scatter.of(after(runs[kind, seed], column, place) for seed in seeds)
        for kind in networks
    }
    gap[clock] = error["transformer"].low - error["U-Net"].high
    for kind, scatter in error.items():
        print(f"equal {clock:8} {kind:12} {scatter}")
share = weights["transformer"] / weights["U-Net"]
claims.check("weights of the transformer / of the U-Net", share, "within", (0.95, 1.05))
says = "the U-Net's worst seed has less error than the transformer's best, by"
claims.check(f"equal steps: {says}", gap["steps"], ">", 0.03)
claims.check(f"equal seconds: {says}", gap["seconds"], ">", 0.01)

# %% [markdown]
# By the error the U-Net is ahead, by either clock. (*Equal seconds* is where the shortest run ended; between two looks we read off a straight line. At equal steps the transformer is in the middle of its run, and its rate of learning still high. A run that ends there does better, not much: [log](../docs/experiments.md).)
#
# ### A second opinion
#
# But nobody looks at the error of a noise. We let both draw, and a judge as in lesson 02 reads the digits. Each network has seen what it saw in its whole run. **Guess first:** whose does it read better?

# %% tags=["measure"]
# @title 120 digits by each: what share is read as asked?
torch.manual_seed(course.seed)
judge = measure.Judge(16).to(course.device)
training.fit(
    judge,
    data.Batches(train, labels, batch_size=64, seed=course.seed),
    measure.classification_loss,
    num_steps=400,
    optimizer=training.adamw(judge, 3e-3),
)
shape, ten = (120, 1, 16, 16), torch.arange(120, device=course.device) % 10
painted = {key: draw(model, shape, cond=ten) for key, model in painters.items()}
readable = {}
for kind in networks:
    drawn_by = [painted[kind, seed] for seed in seeds]
    readable[kind] = measure.Scatter.of(judge.accuracy(images, ten) for images in drawn_by)
    print(f"{kind:12} read as asked {readable[kind]}")
least = min(scatter.low for scatter in readable.values())
claims.check("read as asked: the worst of six networks", least, ">", 0.3)

# %% [markdown]
# *The figure: the first ten digits by each network of seed 0.*

# %% tags=["measure"]
# @title What the judge was shown
plots.image_grid(
    torch.stack([painted[kind, 0][:10].cpu() for kind in networks]),
    rows=list(networks),
    columns=[str(k) for k in range(10)],
    title="Ten digits asked of each network",
    alt="Two rows of ten ragged digits. Some of each can be read; the strokes of the U-Net are cleaner, "
    "those of the transformer more broken.",
    width=7.0,
)

# %% [markdown]
# Here the judge prefers the transformer, against the error (it must choose one of ten, and is generous). But the transformer saw three times as many digits, and this is early, after seconds of training. After nearly four times the steps the U-Net is ahead by the judge too ([log](../docs/experiments.md)). So which is *better* depends on the instrument, and on when one looks.

# %% [markdown]
# ## One table
#
# Four kinds of data, one loss, one loop, one sampler, one class of network. The digits are those of the transformer of seed 0; they pass if the judge reads what was asked, and *exchanged* are real digits that had their pixels exchanged between them.

# %% tags=["measure"]
# @title All four
untrained = draw(raced("transformer", 0), shape, cond=ten)
mixed = exchanged(test.flatten(1)).view_as(test)
image_pass = {
    "reference: held-out digits": judge.accuracy(test, test_labels),
    "model": judge.accuracy(painted["transformer", 0], ten),
    "control: untrained network": judge.accuracy(untrained, ten),
    "control: pixels exchanged": judge.accuracy(mixed, test_labels),
}
found = {
    "images": (image_pass, "reads as asked"),
    "sounds": (sound_pass, "pitch, purity, loudness"),
    "clips": (clip_pass, "motion and shape"),
    "clouds": (cloud_pass, "on one surface"),
}
print(f"{'':8}{'instrument':26}{'real':>6}{'model':>7}{'untrained':>11}{'exchanged':>11}")
for name, (passes, instrument) in found.items():
    columns = [
        next(share for key, share in passes.items() if word in key)
        for word in ("reference", "model", "untrained", "exchanged")
    ]
    numbers = f"{columns[0]:6.0%}{columns[1]:7.0%}{columns[2]:11.0%}{columns[3]:11.0%}"
    print(f"{name:8}{instrument:26}{numbers}")

# %% [markdown]
# ## Where the claim stops being true
#
# - *Images, audio, video, 3D models*: the loss, the loop and the sampler took all four unchanged. The *network* did not: it must be told how the data is cut, and whether it has an order.
# - *Audio generation (music, speech synthesis)*, *video generation and editing*, as the article says elsewhere: these were tones of a fifteenth of a second, 16 x 16 pixels, 64 points. Many real systems first compress sounds, films and shapes into fewer numbers, and run the diffusion there (Rombach et al. 2022). That
#   was not shown here.
# - *Usually U-Net or Transformer*: both work. On few small images, after seconds of training, the U-Net has the smaller error. Probably because it is built to look at neighbours, and the transformer must learn that from examples; we did not test it. This says
#   nothing about large data and long training (Peebles & Xie 2023).
# - *Passes* is a few bounds a kind. It does not say that the distribution is right: variety needs its own instrument each time.

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
# | tokens | blocks of numbers: patches, frames, points | words or pieces of words (lesson 06) |
# | places | added to the tokens; none for a set | turned into queries and keys (lesson 07) |
# | attention | every token sees every other | a token sees those before it |
# | what steers a block | the time and the label, by scale, shift and gate | nothing: the prompt is in the tokens |
# | in, out | noisy numbers, numbers of the same shape | tokens, scores of the next token |
#
# ## Papers
#
# - Dosovitskiy et al. 2021, *An image is worth 16x16 words*, arXiv:2010.11929: patches as tokens.
# - Peebles & Xie 2023, *Scalable diffusion models with transformers*, arXiv:2212.09748: the transformer denoiser, adaLN-Zero.
# - Arnab et al. 2021, *ViViT: a video vision transformer*, arXiv:2103.15691: tokens of space and time.
# - Zaheer et al. 2017, *Deep sets*, arXiv:1703.06114, and Lee et al. 2019, *Set transformer*, arXiv:1810.00825: networks of sets.
# - Luo & Hu 2021, *Diffusion probabilistic models for 3D point cloud generation*, arXiv:2103.01458.
# - Kong et al. 2021, *DiffWave*, arXiv:2009.09761: diffusion on the samples of a sound.
# - Ho et al. 2022, *Video diffusion models*, arXiv:2204.03458.
# - Bar-Tal et al. 2023, *MultiDiffusion*, arXiv:2302.08113: a long canvas from overlapping windows.
# - Rombach et al. 2022, *High-resolution image synthesis with latent diffusion models*, arXiv:2112.10752.
