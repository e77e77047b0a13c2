# %% [markdown]
# # 08 · GPT training
#
# **What does a network learn from text, in which order, and what does it say about things that no text has told it?**
#
# After this lesson you can
#
# - write a GPT and the optimizer Muon in a few lines each, and train them;
# - measure what was learned against a floor that is known: patterns, grammar and facts apart;
# - predict the loss of a training before it runs, and say how far to trust the prediction;
# - tell a fluent answer from a known one.
#
# *40 minutes to read, 45 minutes for the exercises, about 90 seconds to run on two cores. Needs lessons 06 and 07. Worked answers to the exercises are in the
# [answer booklet](answers/08_gpt_training.ipynb).*

# %% tags=["setup"]
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("08", seed=0)
claims = Claims("08")
sizes = course.sizes(
    cpu=dict(story_steps=400, docs_steps=800, docs_width=112),
    gpu=dict(story_steps=800, docs_steps=1600, docs_width=176),
)

# %% [markdown]
# ## The claim
#
# [The article](../docs/article.md) says of language models:
#
# > *Trained on vast text corpora to learn language patterns, grammar, facts, and reasoning.*
#
# These are four things, and we take them one by one. *Patterns*, *grammar* and *facts* can be measured here, because we write a
# text in which we know which is which. *Reasoning* cannot: at the end we say why, and lesson 11 takes it up. *Vast* our texts are not. What more of
# everything brings is a question that can be asked of small ones too.

# %% [markdown]
# ## A first look
#
# *What is there to learn in a text?* We invent a world: 80 heroes, each of whom lives in one of eight towns. The story grammar of lesson 06 tells
# what they do, and now and then it begins with where the hero lives.

# %%
from course_utils import data

world = data.invented_world()
grammar = world.stories()
stories = grammar.sample(8000, seed=course.seed)
print(*stories[:3])

# %% [markdown]
# Three kinds of tokens stand in these stories:
#
# - **Patterns**: most words follow from the few before them. After *In the* may come *evening*.
# - **Agreement**: the name and the treasure come back at the end, more than twenty tokens later. This is our *grammar*: a rule that reaches across the text.
# - **Facts**: after *lives in* stands a town. It follows from nothing else in the story. Whoever knows it has been told in *another* story. (So is *he* or *she*: a fact about each hero that every story states.)
#
# The first two can be read off the page. A fact has to be carried in the weights. **Guess first:** which of the three does a network learn last?
#
# The heroes differ in one thing: the share of stories that state the home. It is 0, 1, 4, 16 or 64 %, with 16 heroes each. All are the heroes of equally many
# stories, about a hundred. So *never told where she lives* does not mean *seldom heard of*.

# %%
from course_utils.language import WordTokenizer

text = "\n" + "".join(stories)
tokenizer = WordTokenizer.train(text)
tokens = tokenizer.encode(text).to(course.device)  # (T,)
V = tokenizer.vocab_size
times = world.times_stated(text)  # hero -> how often
print(f"{len(tokens):,} tokens, {V} different ones; stated", list(times.values())[:10], "times ...")

# %% [markdown]
# ## The block
#
# *What is a GPT made of?* Lesson 07 built attention, which lets positions look at each other. One more part is missing: something that *works* on what was found. It is
# the **MLP**, two linear maps with a bend between them, at each position by itself. Attention fetches, the MLP digests, and both together are a
# **transformer block**:
#
# - Each part *adds* what it found to a vector that runs through the whole network, the **residual stream**. Nothing has to be passed on by hand.
# - Before each part, a **norm** brings the vector to mean 0 and variance 1, times a learned factor for each feature. So a part sees numbers of one size, however much was added before.


# %%
from course_utils.layers import Attention


class Block(nn.Module):
    """x (B, T, D) in, (B, T, D) out."""

    def __init__(self, width: int, num_heads: int):
        super().__init__()
        self.norm_attention = nn.LayerNorm(width, bias=False)
        self.attention = Attention(width, num_heads, causal=True)
        self.norm_mlp = nn.LayerNorm(width, bias=False)
        enter, leave = (
            nn.Linear(width, 4 * width, bias=False),
            nn.Linear(4 * width, width, bias=False),
        )
        self.mlp = nn.Sequential(enter, nn.ReLU(), leave)  # ReLU: negative numbers become 0

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        x = x + self.attention(self.norm_attention(x), turns)
        return x + self.mlp(self.norm_mlp(x))


# %% [markdown]
# ### Where is a token?
#
# Attention needs to be told the order (lesson 07). There we added a vector for each place. Here `turns` says it in another way, by **rotary positions**: take two features of
# a query as a point in the plane, and turn it by an angle that grows with its position. Do the same to the keys. The product of two turned vectors hangs on the
# *difference* of their angles, so a score knows how far apart two tokens stand, and not where.
#
# **Guess first:** a query at position 3 and a key at position 1 have some score. What becomes of it at 103 and 101? At 3 and 2?

# %%
from course_utils.layers import rotate, rotations

query, key = torch.randn(2, 1, 8)
turns = rotations(104, 8, like=query)  # (104, 4): for each position, the turns of four pairs


def score(i: int, j: int) -> float:
    """Query at position i times key at position j."""
    return float((rotate(query, turns[[i]]) * rotate(key, turns[[j]])).sum())


print(
    f"3 and 1: {score(3, 1):.3f}   103 and 101: {score(103, 101):.3f}   3 and 2: {score(3, 2):.3f}"
)

# %% [markdown] tags=["exercise-text"]
# ### Exercise 08.1 - Turn (10 min, easy)
#
# Write the rotation. Features 0 and 1 are a pair, 2 and 3 the next, and so on. In row $t$, turn pair $p$ by the angle $t \cdot \text{speed}_p$, counter-clockwise. A
# point $(a, b)$ that is turned by an angle $\varphi$ lies at $(a\cos\varphi - b\sin\varphi,\; a\sin\varphi + b\cos\varphi)$.
#
# <details><summary>Hint</summary>
#
# `x[:, 0::2]` takes the first feature of each pair. The angles are a table of shape (T, K / 2): a column of positions times a row of speeds. Make the
# result with `torch.empty_like(x)` and fill it, or stack and flatten.
#
# </details>


# %% tags=["exercise"]
def turn(x: Tensor, speeds: Tensor) -> Tensor:
    """Return x with each pair of features turned by its position times the pair's speed.

    Args:
        x: (T, K) one vector for each position 0 ... T - 1; K even.
        speeds: (K / 2,) radians a position.

    Returns:
        (T, K).
    """
    # BEGIN SOLUTION
    angles = torch.arange(len(x))[:, None] * speeds  # (T, K / 2)
    a, b = x[:, 0::2], x[:, 1::2]
    turned = torch.stack(
        [a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1
    )
    return turned.flatten(1)
    # END SOLUTION


# %% tags=["check"]
checks.run("08.1", turn)

# %% [markdown]
# ## The GPT
#
# A GPT is a stack of such blocks between an **embedding**, which gives each token a vector, and a last linear map to the logits. Two habits of ours are not in the
# textbook: `previous` lets each position see something of the token just before it, at the price of one multiplication; and every map that *adds* to the stream starts at zero. So the
# untrained network is no random machine. **Guess first:** what loss has it?


# %%
class GPT(nn.Module):
    """Tokens (B, T) in, logits (B, T, V) out."""

    def __init__(self, vocab_size: int, width: int, num_heads: int = 2, num_layers: int = 2):
        super().__init__()
        self.head_width = width // num_heads
        self.embed = nn.Embedding(vocab_size, width)
        self.previous = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Block(width, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width, bias=False)
        self.logits = nn.Linear(width, vocab_size, bias=False)
        leaving = [m for block in self.blocks for m in (block.attention.project, block.mlp[2])]
        for linear in (*leaving, self.logits):
            nn.init.zeros_(linear.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)  # (B, T, D)
        x = x + self.previous * F.pad(x, (0, 0, 1, -1))  # the embedding one place before
        turns = rotations(tokens.shape[1], self.head_width, like=x)
        for block in self.blocks:
            x = block(x, turns)
        return self.logits(self.norm(x))  # (B, T, V)


# %% [markdown]
# The package's `GPT` is this one, with more care for what it is given. We fill both with the same random weights and compare.

# %% tags=["measure"]
# @title Page and package: the same GPT, and what it says before training
from course_utils import language

torch.manual_seed(course.seed)
own = GPT(V, width=64)
packaged = language.GPT(language.GPTConfig(V, num_layers=2, num_heads=2, width=64))
piece = tokens[None, :100].cpu()
claims.check(
    "untrained, each token costs log V (largest error, nats)",
    (F.cross_entropy(own(piece)[0, :-1], piece[0, 1:], reduction="none") - torch.tensor(V).log())
    .detach()
    .abs()
    .max(),
    "<",
    1e-5,
)
for p in own.parameters():
    nn.init.normal_(p, std=0.3)  # so that all of it counts
packaged.load_state_dict(own.state_dict())
difference = (own(piece) - packaged(piece)).detach().abs().max()
claims.check("our GPT is the package's GPT (largest difference)", difference, "<", 1e-4)

# %% [markdown]
# ## Muon
#
# *How large should a step be, and in which direction?* The gradient of a weight matrix is a matrix too. Like every matrix it acts along directions, each with a strength, its
# **singular values**. Gradients are lopsided: a few directions are strong, and all others weak. Whoever follows the gradient moves along the few.
#
# **Muon** (Jordan et al. 2024) takes the running mean of the gradients and makes all its singular values nearly equal: then it moves along *every* direction by the
# same amount. The nearest matrix whose singular values are all 1 is called **orthogonal**. Five rounds of a polynomial come close enough, and need nothing but products of matrices: an odd polynomial of a matrix changes its
# singular values alone, each $s$ to $3.4445\,s - 4.7750\,s^3 + 2.0315\,s^5$.


# %%
def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with all singular values brought near 1."""
    x = matrix / (matrix.norm() + 1e-7)  # all singular values between 0 and 1
    x = x.mT if x.shape[0] > x.shape[1] else x
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if matrix.shape[0] > matrix.shape[1] else x


# %% [markdown]
# The step, with a look ahead along the mean (Nesterov's momentum). A matrix with more rows than columns takes a larger step:


# %%
@torch.no_grad()
def muon_step(weight: nn.Parameter, mean: Tensor, rate: float):
    """Move a weight matrix; mean is the running mean of its gradients, and is updated."""
    mean.lerp_(weight.grad, 0.05)  # 95 % of the old mean, 5 % of the new gradient
    ahead = weight.grad.lerp(mean, 0.95)
    scale = max(1, weight.shape[0] / weight.shape[1]) ** 0.5
    weight -= rate * scale * orthogonal(ahead)


# %% [markdown]
# Muon is for the hidden matrices. Embedding, logits and norms are left to AdamW, as before. The package's `training.muon(model, rate)` does both. Does it move a matrix as ours does?
#
# *The figure: the singular values of one matrix of the first block, after 20 steps on the stories: of the gradient, of AdamW's step and of Muon's. The largest of each is 1. Which of the three uses the whole matrix?*

# %% tags=["measure"]
# @title Twenty steps by page and package, and the singular values of three steps
from course_utils import training
from course_utils.language import next_token_loss

torch.manual_seed(course.seed)
one = language.GPT(language.GPTConfig(V, width=64)).to(course.device)
windows = data.Windows(tokens, 128, 8, course.seed).to(course.device)
matrix = one.blocks[0].mlp[0].weight
mirror = nn.Parameter(matrix.detach().clone())  # ours: given the same gradients
mean, second = torch.zeros_like(mirror), torch.zeros_like(mirror)
optimizer = training.muon(one, 0.03)
for step in range(20):
    optimizer.zero_grad()
    next_token_loss(one, windows[step]).backward()
    mirror.grad = matrix.grad.clone()
    second.lerp_(mirror.grad**2, 0.01)  # what AdamW divides by the root of
    optimizer.step()
    muon_step(mirror, mean, 0.03)
apart = (mirror - matrix).detach().abs().max() / matrix.detach().abs().max()
claims.check("twenty steps of Muon: page and package (relative difference)", apart, "<", 1e-3)

kinds_of_step = {
    "gradient": mirror.grad,
    "AdamW": mean / (second.sqrt() + 1e-8),
    "model: Muon": orthogonal(mean),
}
# The norm before this matrix leaves one of its 64 directions without input: 63 are drawn.
values = {name: torch.linalg.svdvals(m)[:63] for name, m in kinds_of_step.items()}
plots.curves(
    {name: v / v[0] for name, v in values.items()},
    xlabel="direction, strongest first",
    ylabel="singular value, largest = 1",
    logy=True,
    title="Muon moves along all directions alike, AdamW less so, the gradient along a few",
    alt="Three falling lines over 63 directions on a logarithmic scale. The gradient falls steepest, "
    "AdamW's step less, Muon's stays near one.",
)

# %% tags=["measure"]
# @title The weaker half of the directions
half = {name: float(v[32] / v[0]) for name, v in values.items()}
claims.check("Muon: the 33rd direction beside the strongest", half["model: Muon"], ">", 0.4)
claims.check("control: AdamW", half["AdamW"], "<", 0.3)

# %% [markdown]
# ## What is learned when
#
# *How far is the model from perfect, and where?* For every token of a new story the grammar knows the best possible prediction. The surprise at that is the **floor**; on average over all stories it is the entropy. What
# a model pays above it, in nats, can be added up for each kind of token. We train three times, from three seeds, and look on the way: at 150 stories that nobody trains on, and at the towns of the 32
# heroes who are stated most often, asked by *Bano lives in*.

# %% tags=["measure"]
# @title New stories, their floor, the kind of each token, and the questions
from course_utils.data.text import TREASURES

new = [list(grammar.conditionals(story))[:-1] for story in grammar.sample(150, seed=10_000)]
floor = -torch.tensor([probs[word] for story in new for word, probs in story]).log()
texts = [tokenizer.encode("\n" + "".join(grammar.join([w for w, _ in story]))) for story in new]
padded = nn.utils.rnn.pad_sequence(texts, batch_first=True).to(course.device)  # (150, longest)
real = torch.arange(padded.shape[1] - 1) < torch.tensor([len(t) - 1 for t in texts])[:, None]


def kind(word: str, before: list[str]) -> str:
    """What has to be learned to predict this word."""
    if word in (*data.TOWNS, "she", "he"):
        return "fact"
    names = word in world.homes or word in TREASURES
    return "agreement" if names and word in before else "pattern"


spoken = [[word for word, _ in story] for story in new]
kinds = [kind(word, story[:i]) for story in spoken for i, word in enumerate(story)]
heroes, homes = list(world.homes), tokenizer.encode(" ".join(world.homes.values()))
questions = tokenizer.encode("".join(f"\n{hero} lives in" for hero in heroes)).view(len(heroes), -1)
shares = torch.tensor(list(world.shares.values()))
print(f"{len(new)} stories of {len(floor):,} tokens, floor {floor.mean():.3f} nats a token")


# %%
@torch.no_grad()
def excess(model) -> Tensor:
    """Nats above the floor, at each token of the new stories."""
    logs = model(padded[:, :-1]).log_softmax(-1).gather(2, padded[:, 1:, None])[..., 0]
    return -logs.cpu()[real] - floor


@torch.no_grad()
def answers(model) -> Tensor:
    """(80, V) probabilities of the token after "<hero> lives in"."""
    return model(questions.to(course.device))[:, -1].softmax(-1).cpu()


# %% [markdown]
# The training itself is the loop of lesson 06: `train_steps` gives a record after each step, and we look at some of them.


# %%
looks = [1, 4, 8, 16, 32, 64, 96, 128, 160, 200, 250, 300, sizes.story_steps]


def train_stories(seed: int):
    """A GPT, trained on the stories, and what it paid above the floor on the way."""
    torch.manual_seed(seed)
    model = language.GPT(language.GPTConfig(V, width=64, num_heads=2)).to(course.device)
    steps = training.train_steps(
        model,
        data.Windows(tokens, 128, 8, seed).to(course.device),
        next_token_loss,
        num_steps=sizes.story_steps,
        optimizer=training.muon(model, 0.03),
    )
    return model, [(excess(model), answers(model)) for s in steps if s.step in looks]


trained = [train_stories(seed) for seed in range(3)]

# %% [markdown]
# *The figure: nats above the floor, on average over the three trainings. Both axes are logarithmic. In which order do the lines fall?*

# %% tags=["measure"]
# @title Nats above the floor over training, for the three kinds of tokens
often = shares >= 0.16
of_kind = {k: torch.tensor([k == one for one in kinds]) for k in ("pattern", "agreement")}
over = {k: torch.zeros(3, len(looks)) for k in ("pattern", "agreement", "fact", "all", "errors")}
for seed, (_, seen) in enumerate(trained):
    for place, (gap, probs) in enumerate(seen):
        for k, these in of_kind.items():
            over[k][seed, place] = gap[these].mean()
        over["fact"][seed, place] = -probs.gather(1, homes[:, None])[often].log().mean()
        over["all"][seed, place] = gap.mean()
        over["errors"][seed, place] = gap.std() / len(gap) ** 0.5
names = {"pattern": "patterns", "agreement": "agreement", "fact": "facts stated often"}
plots.curves(
    {shown: (looks, over[k].mean(0)) for k, shown in names.items()},
    styles={shown: {"marker": "o"} for shown in names.values()},
    xlabel="training step",
    ylabel="nats above the floor",
    logx=True,
    logy=True,
    title="Patterns come within tens of steps; facts and agreement need hundreds",
    alt="Three lines over the training step. Patterns fall from step 8 on and are below a tenth of a nat at 64. "
    "Facts and agreement stay at two or three nats until about step 64, and then fall.",
)

# %% tags=["measure"]
# @title Check the floor and the order, in the worst of three trainings
at64, end = looks.index(64), -1
claims.check(
    "no look falls below the floor (lowest, in standard errors)",
    (over["all"] / over["errors"]).min(),
    ">",
    0,
)
claims.check(
    "at the end: nats a token above the entropy (farthest)", over["all"][:, end].max(), "<", 0.05
)
claims.check(
    "patterns at step 64: nats above the floor (farthest)", over["pattern"][:, at64].max(), "<", 0.2
)
claims.check("agreement at step 64 (nearest)", over["agreement"][:, at64].min(), ">", 1.5)
claims.check("facts at step 64 (nearest)", over["fact"][:, at64].min(), ">", 1)
claims.check("agreement at the end (farthest)", over["agreement"][:, end].max(), "<", 0.5)
table = language.NGram(5, V).fit(tokens)  # it has counted the same stories
table_gap = float(excess(table)[of_kind["agreement"]].mean())
claims.check("control: agreement at the end, a 5-gram", table_gap, ">", 1.5)
claims.check("facts stated often at the end (farthest)", over["fact"][:, end].max(), "<", 0.5)
print("at the end:", ", ".join(f"{k} {over[k][:, end].mean():.3f}" for k in ("all", *names)))

# %% [markdown]
# So the sentence of the article has an order, here at least: patterns first, then the rest. The loss that everybody watches hides it: nine tokens in ten are patterns, so it looks nearly
# done when no fact is known and nobody's name comes back.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 08.2 - A batch that does not fit (15 min, medium)
#
# Large batches make steady gradients, and do not fit into memory. So read a batch in **pieces** and add up the gradients. Afterwards every weight must hold in `.grad` what it would hold if
# all texts had been read at once: the gradient of the mean loss over *all* tokens. The last piece may be smaller than the others.
#
# <details><summary>Hint</summary>
#
# `backward()` *adds* to `.grad`. Old gradients are still there when you begin. How much of the whole mean is the mean of a piece with $b$ of $B$ texts?
#
# </details>


# %% tags=["exercise"]
def read_in_pieces(model: nn.Module, texts: Tensor, piece_size: int) -> float:
    """Leave the gradient of the mean loss in the weights, reading a few texts at a time.

    Args:
        model: tokens (b, T) -> logits (b, T, V). Its weights may hold old gradients.
        texts: (B, T + 1) inputs texts[:, :-1], targets texts[:, 1:].
        piece_size: most texts that may be read at once, at least 1.

    Returns:
        The mean loss of all tokens, in nats.
    """
    # BEGIN SOLUTION
    model.zero_grad()
    total = 0.0
    for piece in texts.split(piece_size):
        logits = model(piece[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
        loss = loss * len(piece) / len(texts)
        loss.backward()
        total += loss.item()
    return total
    # END SOLUTION


# %% tags=["check"]
checks.run("08.2", read_in_pieces)

# %% [markdown]
# ## Facts, stated and never stated
#
# *How often must a fact be told?* And what does the model say about the 16 heroes of whom nobody ever said where they live? There is no way to know, and no answer *I do not know* in any
# text. Eight towns: a blind guess is right once in eight.
#
# **Guess first:** will it name a town at all? How sure will it be?
#
# *The figure: left, the share of heroes whose home it gets right; right, the probability of the town that it names, whether right or wrong. Each green dot is one training; the grey ones are a control, a 5-gram that has counted the
# same stories.*

# %% tags=["measure"]
# @title Right, and sure, over how often a home was stated
steps_of_share = sorted(set(world.shares.values()))
groups = {
    s: [i for i, hero in enumerate(heroes) if world.shares[hero] == s] for s in steps_of_share
}
mean_times = {s: sum(times[heroes[i]] for i in rows) / len(rows) for s, rows in groups.items()}
final = [seen[-1][1] for _, seen in trained]  # (80, V) of each training
said = {"model: GPT": final, "control: 5-gram": [answers(table)]}


def by_share(value) -> dict:
    """Model -> place of a share -> a value of its heroes, one for each training."""
    return {
        name: {
            place: [float(value(p, rows).mean()) for p in some]
            for place, rows in enumerate(groups.values())
        }
        for name, some in said.items()
    }


right = by_share(lambda p, rows: (p[rows].argmax(-1) == homes[rows]).float())
sure = by_share(lambda p, rows: p[rows].amax(-1))
figure, axes = plots.panels(
    2,
    title="What was stated often is known; what was never stated is answered all the same",
    alt="Two panels over how often a home was stated. Right: the model is near a guess for never, and at "
    "all from 16 times on; the 5-gram needs three. Probability of the answer: the model is above a half "
    "for never and near one for often, the 5-gram is near a guess for never.",
)
what = ("share of homes that are right", "probability of the answer given")
for ax, values, ylabel in zip(axes, (right, sure), what, strict=True):
    plots.strips(values, references={"a guess": 1 / 8}, xlabel="times stated", ylabel=ylabel, ax=ax)
    ax.set_xticks(range(5), [f"{times_stated:.0f}" for times_stated in mean_times.values()])
    ax.set_ylim(-0.03, 1.05)
figure

# %% tags=["measure"]
# @title Facts stated, facts never stated
never, known = groups[0.0], [i for s in (0.16, 0.64) for i in groups[s]]
names_town = min(
    float(torch.isin(p[never].argmax(-1), tokenizer.encode(" ".join(data.TOWNS))).float().mean())
    for p in final
)
rarely, often_told = right["model: GPT"][0], [right["model: GPT"][3], right["model: GPT"][4]]


def told_apart(p: Tensor) -> float:
    """Share of pairs (known, never stated) in which the known answer is the surer one."""
    sure = p.amax(-1)
    return float((sure[known][:, None] > sure[never]).float().mean())


claims.check("stated 16 times or more: right (worst of three)", min(map(min, often_told)), ">", 0.8)
claims.check("never stated: still names a town (share, worst of three)", names_town, "==", 1)
claims.check("never stated: right, over three trainings", sum(rarely) / 3, "<", 0.3)
claims.check(
    "never stated: probability of the answer (lowest mean of three)",
    min(sure["model: GPT"][0]),
    ">",
    0.3,
)
claims.check("control: the 5-gram, never stated (mean)", sure["control: 5-gram"][0][0], "<", 0.25)
claims.check(
    "the known answer is the surer one (share of pairs, lowest)",
    min(map(told_apart, final)),
    ">",
    0.75,
)

# %% [markdown]
# This is **hallucination** in its smallest form. The form of the sentence is learned from the heroes that were told, and it is the same for all: after *lives in* comes a town. For a hero of whom nothing was said the network puts
# *some* town there, and is several times as sure as a guesser should be. The table of counts is not: it finds nothing under that name, falls back on how often each town is named at all, and says so.
#
# (The left panel has a lesson against networks, too. The table knows most homes after one statement and all after three. The network needs to be told more often: it changes its weights a little at a time.)
#
# The network is not equally sure of everything. Taken in pairs, the known home nearly always has the higher probability. So something about what it does not know is *in* the network; the words do not show it. (For large models: Kadavath et al. 2022.
# Why training and tests reward the guess: Kalai et al. 2025, whose bound speaks of facts that were stated once.)

# %% [markdown]
# ## Turn it yourself
#
# *Whom does it know?* Each frame is one hero: how likely each town is, the true home in orange. Find a hero who was never told and of whom the model is sure.

# %% tags=["measure"]
# @title A slider over heroes
chosen = [groups[s][k] for s in reversed(steps_of_share) for k in range(4)]
town_ids = tokenizer.encode(" ".join(data.TOWNS))


def show(hero: str):
    """The probabilities of the eight towns for one hero."""
    place = heroes.index(hero)
    probs = final[0][place, town_ids]
    figure = plots.bars(
        dict(zip(data.TOWNS, probs.tolist(), strict=True)),
        form="{:.0%}",
        references={"a guess": 1 / 8},
        title=f"{hero} lives in ___   (stated {times[hero]} times)",
        alt=f"Eight bars; the true home is {world.homes[hero]}.",
        size=(6.0, 2.6),
    )
    axes = figure.axes[0]
    for bar, town in zip(axes.patches, data.TOWNS, strict=True):
        bar.set_color(plots.ORANGE if town == world.homes[hero] else plots.MODEL)
    axes.set_xlim(0, 1.15)
    return figure


widgets.slider(show, hero=[heroes[i] for i in chosen])

# %% [markdown]
# The same picture without a slider: a hero whose home was never stated.

# %% tags=["measure"]
# @title One view of the slider
show(hero=heroes[never[0]])

# %% [markdown]
# ## Real text, predicted before it is trained
#
# *What does more of everything bring?* Now Python's documentation, by characters. In lesson 06 tables of counts beat a small network there. A larger GPT will do better, but how much? Companies have to
# know that before they spend a year's electricity, and they do it so: train many small networks, fit a **law**, and read off the large one.
#
# The smaller trainings are done: five widths, three lengths, three seeds. Their losses on the held-out tenth come with the package (`recipes/runs.py` makes them again). One of them, here and now:

# %%
from course_utils.recipes import runs, variants

kept_runs = runs.recorded()
small = runs.Run(width=24, num_steps=100, seed=1)
again, kept = small.make(), kept_runs[small]
print(f"here {again:.3f}, kept {kept:.3f} nats a character")

# %% [markdown]
# The law is that of Hoffmann et al. 2022, with the number of weights $N$ and of characters trained on $D$:
#
# $$L(N, D) = E + \frac{A}{N^{a}} + \frac{B}{D^{b}}$$
#
# Were the network infinitely large and trained on infinitely much, $E$ would be left: the text's own entropy. The second part is the price of being small, the third that of having read little. Five unknowns, fifteen sizes.

# %% tags=["measure"]
# @title Fit the law, sixty times, each time with other seeds of the small trainings
from course_utils import measure

grid = sorted({(run.width, run.num_steps) for run in runs.GRID})
losses = [[kept_runs[runs.Run(width=w, num_steps=n, seed=s)] for s in runs.SEEDS] for w, n in grid]
weights = {
    w: measure.count_parameters(variants.plain(runs.characters()[2], w))
    for w in (*runs.WIDTHS, 112, sizes.docs_width)
}
causes = [(weights[w], runs.Run(num_steps=n).num_tokens) for w, n in grid]
mean_losses = [sum(row) / 3 for row in losses]
law = measure.fit_law(causes, mean_losses)
laws = measure.repeated_fits(causes, losses, repeats=60)


def interval(values) -> str:
    """The middle nine tenths."""
    low, high = torch.tensor(list(values)).quantile(torch.tensor([0.05, 0.95])).tolist()
    return f"{low:.2f} to {high:.2f}"


claims.check(
    "a small training made again: difference to what is kept (nats)", abs(again - kept), "<", 0.05
)
print(f"E {law.floor:.2f} ({interval(one.floor for one in laws)})")
print(f"a {law.exponents[0]:.2f} ({interval(one.exponents[0] for one in laws)})")
print(f"b {law.exponents[1]:.2f} ({interval(one.exponents[1] for one in laws)})")

# %% [markdown]
# The intervals hold the middle nine tenths of sixty fits: from each size one of its three seeds is drawn, and the law fitted anew. They say how far *chance* moves the law. Whether
# the law has the right *form* they cannot say.
#
# *The figure: the small trainings (dots, the mean of three seeds) and the law (lines). Left over the number of weights, right over the number of characters. Do the lines go through the dots?*

# %% tags=["measure"]
# @title The law beside the small trainings
figure, (left, right_ax) = plots.panels(
    2,
    title="Twice the text helps more than twice the weights; the law follows, roughly",
    alt="Two panels with falling lines and dots near them. Left three lines over the weights, one for "
    "each length; right lines over the characters, one for each width.",
)
measured = dict(zip(grid, mean_losses, strict=True))
num_tokens = {n: runs.Run(num_steps=n).num_tokens for n in runs.LENGTHS}


def lines_and_dots(ax, along, names: dict, pair):
    """The law as a line and the trainings as dots, for each of three fixed sizes."""
    series, styles = {}, {}
    for (fixed, name), color in zip(names.items(), plots.ACCENTS, strict=True):
        pairs = [pair(v, fixed) for v in along]  # (width, steps)
        x = [(weights[w] if ax is left else num_tokens[n]) / 1000 for w, n in pairs]
        series[name] = (x, [law(weights[w], num_tokens[n]) for w, n in pairs])
        series[f"_{name}"] = (x, [measured[p] for p in pairs])
        styles |= {name: {"color": color}}
        styles |= {f"_{name}": {"color": color, "marker": "o", "linestyle": "none"}}
    plots.curves(series, styles=styles, logx=True, ylabel="nats a character", ax=ax)


lengths_shown = {n: f"{num_tokens[n] / 1000:.0f} k read" for n in runs.LENGTHS}
lines_and_dots(left, runs.WIDTHS, lengths_shown, lambda w, n: (w, n))
widths_shown = {w: f"{weights[w] / 1000:.0f} k weights" for w in (16, 32, 64)}
lines_and_dots(right_ax, runs.LENGTHS, widths_shown, lambda n, w: (w, n))
left.set(xlabel="weights, thousands", ylim=(1.4, 2.3))
right_ax.set(xlabel="characters read, thousands", ylim=(1.4, 2.3))
figure

# %% [markdown]
# ### The test
#
# A law is worth what it says beyond its dots. Three trainings lie beyond: one twice as **long** as the longest, one with nearly three times the **weights**, and one with both. The first two are kept as well, with three seeds each.
# The third we train here.
#
# **Guess first:** where will the law be right? A hint: the documentation to train on has some 340,000 characters.

# %%
train_docs, test_docs, num_characters = runs.characters()
torch.manual_seed(course.seed)
writer = variants.plain(num_characters, sizes.docs_width).to(course.device)
history = training.fit(
    writer,
    data.Windows(train_docs, 128, 8, course.seed).to(course.device),
    next_token_loss,
    num_steps=sizes.docs_steps,
    optimizer=training.muon(writer, 0.05),
    checkpoint=course.checkpoint("docs"),
)
reached = language.text_loss(writer, test_docs.to(course.device))

# %% [markdown]
# *The figure: dots are the losses that were reached, the dark line the law's prediction, the band its interval by seeds. Which dots lie off it?*

# %% tags=["measure"]
# @title Predicted and reached, for the three trainings beyond the grid
beyond = {
    (w, n): [kept_runs[runs.Run(width=w, num_steps=n, seed=s)] for s in runs.SEEDS]
    for w, n in runs.BEYOND_SIZES[:2]
}
beyond[sizes.docs_width, sizes.docs_steps] = [reached]
names_beyond = ["longer", "wider", "both, trained here"]
figure, (ax,) = plots.panels(
    1,
    title="All three end above the law, the third far above",
    alt="Three columns. In each a short dark line in a band is the prediction. The dots lie above it, "
    "farthest in the third column.",
    size=(6.5, 3.2),
)
off = {}
for place, ((w, n), values) in enumerate(beyond.items()):
    goal = (weights[w], runs.Run(num_steps=n).num_tokens)
    spread = torch.tensor([one(*goal) for one in laws]).quantile(torch.tensor([0.05, 0.95]))
    off[names_beyond[place]] = min(values) - law(*goal)
    ax.fill_between([place - 0.25, place + 0.25], *spread.tolist(), color=plots.SKY, alpha=0.3)
    ax.plot([place - 0.25, place + 0.25], [law(*goal)] * 2, color=plots.REFERENCE)
    ax.plot([place] * len(values), values, "o", color=plots.MODEL)
    print(
        f"{names_beyond[place]}: predicted {law(*goal):.3f}, reached "
        + ", ".join(f"{value:.3f}" for value in values)
    )
ax.set_xticks(range(3), names_beyond)
ax.set(ylabel="nats a character", xlim=(-0.5, 2.5))
figure

# %% tags=["measure"]
# @title How far off
claims.check("longer: reached above the law (nearest of three, nats)", off["longer"], ">", 0.015)
claims.check("wider: reached above the law (nearest of three)", off["wider"], ">", 0.01)
claims.check("both: reached above the law", off["both, trained here"], ">", 0.03)
claims.check("both: reached above the interval by seeds", reached - float(spread[1]), ">", 0)
promised = min(mean_losses) - law(*goal)
kept_share = (min(mean_losses) - reached) / promised
print(f"promised {promised:.2f} nats below the best of the grid; {kept_share:.0%} of that came")

# %% [markdown]
# The law promised too much, and its interval did not warn us: it holds what chance does, not what the law leaves out. What did it leave out? One suspect: it counts the characters that are *read*. There are some 340,000 to read, and the long trainings read more than twice as many. What is read
# again may teach less.
#
# That can be tried. Width 64, 400 steps, as many characters read; but of the text only a half is given, or a quarter, so that it is read twice as often, or four times.

# %% tags=["measure"]
# @title The same number of characters, read again and again
read_again = {
    parts: [kept_runs[runs.Run(seed=s, parts=parts)] for s in runs.SEEDS] for parts in (1, 2, 4)
}
more = {
    parts: min(b - a for a, b in zip(read_again[1], values, strict=True))
    for parts, values in read_again.items()
}
for parts, values in read_again.items():
    passes = runs.Run(parts=parts).num_tokens / (len(train_docs) / parts)
    print(
        f"1/{parts} of the text, read {passes:.1f} times: {measure.Scatter.of(values)} nats a character"
    )
claims.check("half of the text: worse (nearest of three seeds, nats)", more[2], ">", 0.003)
claims.check("a quarter of the text: worse (nearest of three seeds)", more[4], ">", 0.02)

# %% [markdown]
# So reading again does teach less, and it explains a part of what was missing; how much of it, our runs do not settle. (For large models: Muennighoff et al. 2023.) The wider network, at 400 steps, was off too, and it read its text hardly more than once. Laws with another form
# did no better ([the log](../docs/experiments.md)). What remains: a law from fifteen small trainings tells the direction and the rough size of a gain. It is no promise.

# %% [markdown]
# ### Larger or longer?
#
# Whoever pays, pays for operations: weights times characters, nearly. For the same money one gets a larger network or a longer training. We count the operations of each small training: three times those of the forward pass, because the backward pass costs twice as much
# (Kaplan et al. 2020).
#
# *The figure: each line is one width, its three dots the lengths. Follow the lowest dots from left to right. Which widths do they belong to? Hollow: the trainings beyond the grid.*

# %% tags=["measure"]
# @title Loss against operations
window = torch.zeros(1, 128, dtype=torch.long)
per_step = {
    w: 3 * runs.BATCH * measure.forward_flops(variants.plain(num_characters, w), window)
    for w in (*runs.WIDTHS, 112)
}
spent = {(w, n): per_step[w] * n for w, n in grid}
best_buys = [  # no other training is cheaper and better
    one
    for one in grid
    if not any(spent[o] < spent[one] and measured[o] < measured[one] for o in grid)
]
frontier = measure.fit_law([spent[b] for b in best_buys], [measured[b] for b in best_buys])
outside = {
    size: [kept_runs[runs.Run(width=size[0], num_steps=size[1], seed=s)] for s in runs.SEEDS]
    for size in runs.BEYOND_SIZES
}
cost_of = {size: per_step[size[0]] * size[1] for size in outside}
colors = (plots.SKY, plots.PURPLE, plots.ORANGE, plots.MODEL, plots.CLEAN)
lines = {
    f"_width {w}": ([spent[w, n] for n in runs.LENGTHS], [measured[w, n] for n in runs.LENGTHS])
    for w in runs.WIDTHS
}
styles = {name: {"marker": "o", "color": c} for name, c in zip(lines, colors, strict=True)}
hollow = {"marker": "o", "linestyle": "none", "color": plots.REFERENCE, "markerfacecolor": "white"}
figure = plots.curves(
    lines | {"beyond the grid": (list(cost_of.values()), [sum(v) / 3 for v in outside.values()])},
    styles=styles | {"beyond the grid": hollow},
    logx=True,
    xlabel="operations of the training",
    ylabel="nats a character",
    title="The more one spends, the larger the network that spends it best",
    alt="Five falling lines. Each is the lowest in its own range of operations: narrow ones at the left, "
    "wide ones at the right.",
)
for name, (x, y) in lines.items():
    figure.axes[0].annotate(name[1:], (x[0], y[0]), (4, 2), textcoords="offset points", fontsize=9)
figure

# %% tags=["measure"]
# @title The best buys
best_widths = [w for w, _ in sorted(best_buys, key=spent.get)]
print(
    "best buys, cheapest first, width x steps:",
    *(f"{w} x {n}" for w, n in sorted(best_buys, key=spent.get)),
)
print(
    f"a law of operations alone: exponent {frontier.exponents[0]:.2f}, floor {frontier.floor:.2f}"
)
far = runs.BEYOND_SIZES[-1]
print(
    f"at the cost of the large one it says {frontier(cost_of[far]):.3f}; reached {measure.Scatter.of(outside[far])}"
)
claims.check(
    "the widest best buy is wider than the first (factor)",
    max(best_widths) / best_widths[0],
    ">",
    1.9,
)

# %% [markdown]
# ### And against counting?
#
# *Is it good?* Lesson 06 left tables of counts ahead on this text. Here is the best of them, with order and strength chosen on a part of the training text. Beside it stand two programs that nobody calls
# language models: `gzip` and `xz`. A good predictor is a good compressor and the other way round, since a token of probability $p$ can be written in $-\log_2 p$ bits. So all four are measured in bits per byte, on the held-out tenth. What
# each has seen:
#
# - the **GPT** is trained on the rest; it looks at up to 128 characters;
# - the **table** has counted the rest; it looks at a few;
# - **gzip** and **xz** get the rest put *before* the held-out part, and pay only for what the file grows by. `gzip` looks back 32,768 bytes, `xz` over the whole text.
#
# **Guess first:** in which order do they come?

# %% tags=["measure"]
# @title Bits per byte of the held-out tenth, by a table, two programs and the GPT
import gzip
import lzma

docs_parts = [part.encode() for part in data.split_text(data.python_docs())]
packers = {
    "gzip": lambda text: gzip.compress(text, 9),
    "xz": lambda text: lzma.compress(text, preset=9 | lzma.PRESET_EXTREME),
}
num_bytes = len(docs_parts[1])
bits = {
    name: 8 * (len(pack(docs_parts[0] + docs_parts[1])) - len(pack(docs_parts[0]))) / num_bytes
    for name, pack in packers.items()
}
alone = {name: 8 * len(pack(docs_parts[1])) / num_bytes for name, pack in packers.items()}


@torch.no_grad()
def surprises(model, text: Tensor, context: int) -> Tensor:
    """Nats of each token of a text but the first, read 4,000 at a time with some before them."""
    found = []
    for start in range(0, len(text) - 1, 4000):
        piece = text[max(0, start - context) : start + 4001]
        logs = model(piece[None, :-1])[0].log_softmax(-1).gather(1, piece[1:, None])[:, 0]
        found.append(-logs[-min(4000, len(text) - 1 - start) :])
    return torch.cat(found)


def best_table() -> language.NGram:
    """Order and strength chosen on a part left out at first; then all is counted."""
    cut = len(train_docs) * 9 // 10
    chosen = train_docs[cut : cut + 12_000]
    tried = {}
    for order in (6, 8, 10, 12):
        table = language.NGram(order, num_characters).fit(train_docs[:cut])
        for table.strength in (8, 16, 32, 64):
            tried[order, table.strength] = float(surprises(table, chosen, 16).mean())
    order, strength = min(tried, key=tried.get)
    print(f"the best table has order {order} and strength {strength}")
    return language.NGram(order, num_characters, strength=strength).fit(train_docs)


counted = float(surprises(best_table(), test_docs, 16).mean())
for name, nats in {"best table": counted, "model: GPT": reached}.items():
    bits[name] = language.bits_per_byte(nats, len(test_docs), num_bytes)
plots.bars(
    dict(sorted(bits.items(), key=lambda item: -item[1])),
    form="{:.2f}",
    xlabel="bits per byte, held-out tenth of Python's documentation",
    title="The GPT predicts better than the best table; xz, with all the text at hand, is ahead of both",
    alt="Four bars: gzip is longest, then the best table, the GPT, and xz.",
)

# %% tags=["measure"]
# @title The GPT against counting
print("alone, without the rest before it:", ", ".join(f"{n} {b:.2f}" for n, b in alone.items()))
three = [
    kept_runs[run] for run in runs.BEYOND if (run.width, run.num_steps) == runs.BEYOND_SIZES[-1]
]
claims.check("the best table over the GPT (nats a character)", counted - reached, ">", 0.01)
claims.check("the best table over the worst of three kept GPTs", counted - max(three), ">", 0.005)
claims.check("gzip over the GPT (bits per byte)", bits["gzip"] - bits["model: GPT"], ">", 0.1)
claims.check("xz under the GPT (bits per byte)", bits["model: GPT"] - bits["xz"], ">", 0)

# %% [markdown]
# The GPT beats the best of our tables. And yet a program that knows nothing of language writes the held-out tenth in fewer bits. How? It *copies*: the documentation repeats whole passages, and xz finds them word for
# word, however far back. The GPT has to carry all of them in its weights. What if we leave the copies out? Let us call a character *copied* if it ends a string of 24 characters that occurs in the training text.

# %% tags=["measure"]
# @title Copied and new characters, apart
before, after = data.split_text(data.python_docs())
known_strings = {before[i : i + 24] for i in range(len(before) - 23)}
copied = torch.tensor([after[max(0, i - 23) : i + 1] in known_strings for i in range(len(after))])
by_token = surprises(language.NGram(8, num_characters, strength=32).fit(train_docs), test_docs, 16)
windows_docs = test_docs[: (len(test_docs) - 1) // 128 * 128 + 1].unfold(0, 129, 128)
with torch.no_grad():
    logs = writer(windows_docs[:, :-1].to(course.device)).log_softmax(-1).cpu()
by_gpt = -logs.gather(2, windows_docs[:, 1:, None]).flatten()
these = copied[1 : len(by_gpt) + 1]
table_lead = float((by_gpt - by_token[: len(by_gpt)])[these].mean())
gpt_lead = float((by_token[: len(by_gpt)] - by_gpt)[~these].mean())
print(
    f"copied: {these.float().mean():.0%} of the characters; there the table is ahead by {table_lead:.2f} nats"
)
claims.check("new characters: the GPT is ahead of a table of order 8 (nats)", gpt_lead, ">", 0.01)

# %% [markdown]
# On what was not there before, the GPT leads; on copies the table does. And xz alone, without the rest before it, needs far more bits: what it gains, it gains from text that it can look up. A network that could look things up would
# have both.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 08.3 - Every token once (20 min, medium)
#
# Our GPT reads the held-out text in windows that lie end to end. The first tokens of each window have hardly anything before them, and cost more than they should. Write the fairer measure: windows that **overlap**. They start
# at 0, `stride`, 2 `stride` and so on. Each holds as many inputs as the model can read, or what is left, and counts only the tokens that no earlier window has counted.
#
# <details><summary>Hint</summary>
#
# A window that starts at place $s$ and has $n$ inputs predicts the tokens $s+1$ to $s+n$. If all tokens up to $c$ have been counted, how many of these are new? They are its *last* ones. The first window counts all of its own.
# `F.cross_entropy(logits, targets, reduction="none")` keeps the losses apart.
#
# </details>


# %% tags=["exercise"]
def loss_of_long_text(model: nn.Module, tokens: Tensor, context_length: int, stride: int) -> Tensor:
    """Return the mean loss of a text that is longer than the model can read.

    Args:
        model: tokens (B, T) -> logits (B, T, V), with T at most context_length.
        tokens: (N,) N at least 2. All but the first are to be predicted, each once.
        context_length: inputs of a window, at least 1; it has one token more than inputs.
        stride: how far a window moves on, 1 to context_length.

    Returns:
        () nats a token.
    """
    # BEGIN SOLUTION
    found, counted = [], 0
    for start in range(0, len(tokens) - 1, stride):
        piece = tokens[start : start + context_length + 1]
        losses = F.cross_entropy(model(piece[None, :-1])[0], piece[1:], reduction="none")
        new = start + len(losses) - counted
        if new > 0:
            found.append(losses[len(losses) - new :])
            counted += new
    return torch.cat(found).mean()
    # END SOLUTION


# %% tags=["check"]
checks.run("08.3", loss_of_long_text)

# %% [markdown]
# ## What each part of the recipe buys
#
# *Which of our habits matter?* We take them away one at a time, at width 64 and 400 steps on the documentation. Each variant got its own best learning rate, chosen on a part of the training text (seed 100), and was trained from three seeds. These runs are kept
# too. Muon's step costs more than AdamW's; so AdamW stands there twice, the second time with a quarter more steps.
#
# **Guess first:** which three cost most?

# %% tags=["measure"]
# @title What is lost when one part is exchanged, three seeds each
whole = measure.Scatter.of(kept_runs[run] for run in runs.PARTS if run.variant == "all")
lost = {}
for run in (*runs.PARTS, *runs.LONGER):
    if run.variant != "all":
        name = run.variant + (", 500 steps" if run in runs.LONGER else "")
        lost.setdefault(name, []).append(kept_runs[run])
cost = {name: [value - whole.mean for value in values] for name, values in lost.items()}
ordered = dict(sorted(((n, sum(c) / 3) for n, c in cost.items()), key=lambda item: -item[1]))
plots.bars(
    ordered,
    form="{:+.2f}",
    xlabel=f"nats a character more than the recipe ({whole})",
    title="Muon and rotary positions buy most; ReLU in place of GELU buys nothing",
    alt="Bars, from AdamW and no positions at a quarter of a nat down to GELU, which is slightly better than the recipe.",
)

# %% tags=["measure"]
# @title The smallest loss over three seeds of each
least = {name: min(values) for name, values in cost.items()}
claims.check(
    "AdamW at its best rate and 500 steps: how much worse (nearest of three, nats)",
    least["AdamW, 500 steps"],
    ">",
    0.05,
)
claims.check("first weights as in GPT-2 (nearest)", least["first weights as in GPT-2"], ">", 0.1)
claims.check("without positions (nearest)", least["no positions"], ">", 0.1)
claims.check(
    "without the look at the token before (nearest)",
    least["no look at the token before"],
    ">",
    0.03,
)
claims.check("scatter of the recipe itself over seeds (nats)", whole.std, "<", 0.02)

# %% [markdown]
# One number for each, at one small size and 400 steps. *Buys* means here: sooner. After ten times as many steps some of these differences shrink, and some of the variants would catch up. Undertrained is not unable.

# %% [markdown]
# ## Where the claim stops being true
#
# *Patterns* and *grammar* in the sense of rules: yes, to within about a hundredth of a nat of perfect, where perfection is known. *Facts*: those that the text states often enough, and no others; for the others the same sentence
# with a made-up end. The article's sentence leaves that out.
#
# ***Reasoning*** this lesson cannot test. A right answer shows reasoning only if it could not have been read off the text. In our stories every right answer can. Documentation, too, may simply repeat itself, as xz has
# shown. Lesson 11 builds questions whose answers stand nowhere in training, and counts the right ones.
#
# ***Vast*** our text is not, and two things stand or fall with size. Our law was tried a few times beyond its sizes, and promised too much. And whether skills appear which small models do not have at all cannot be seen from here.
#
# ## What was measured
#
# **Verdict on *patterns, grammar, facts, and reasoning*: the first three are learned, in this order or nearly, and each can be measured apart. Facts only if they are told, often; what was never told is answered in the same tone. Reasoning remains to be shown.**

# %% tags=["measure"]
# @title All claims of this lesson
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# The block that you wrote is the block of the diffusion transformer of lesson 05. One line makes the difference: what it may see.
#
# | | diffusion (lessons 02, 05) | language |
# |---|---|---|
# | network | `DiT`: blocks, `causal=False`, told the time | `GPT`: blocks, `causal=True` |
# | loss | squared error of the noise | cross-entropy of the next token |
# | floor | the exact denoiser's error at each time | the entropy of the text |
# | loop and optimizer | `fit`, `muon` | the same |
# | what was never in the data | digits that nobody drew: wanted | homes that nobody stated: not wanted |
#
# ## Papers
#
# - Radford et al. 2019, *Language models are unsupervised multitask learners* (GPT-2); Xiong et al. 2020, *On layer normalization in the transformer
#   architecture*, arXiv:2002.04745: norms first.
# - Su et al. 2021, *RoFormer*, arXiv:2104.09864: rotary positions.
# - Jordan et al. 2024, *Muon: an optimizer for hidden layers in neural networks*, kellerjordan.github.io/posts/muon; zero first weights and the look at the token before are
#   among the habits collected in github.com/KellerJordan/modded-nanogpt.
# - Kaplan et al. 2020, *Scaling laws for neural language models*, arXiv:2001.08361; Hoffmann et al. 2022, *Training compute-optimal large language models*,
#   arXiv:2203.15556: the law.
# - Muennighoff et al. 2023, *Scaling data-constrained language models*, arXiv:2305.16264: text read again.
# - Kadavath et al. 2022, *Language models (mostly) know what they know*, arXiv:2207.05221; Kalai et al. 2025, *Why language models hallucinate*, arXiv:2509.04664.
# - Delétang et al. 2023, *Language modeling is compression*, arXiv:2309.10668.
