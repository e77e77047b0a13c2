# %% [markdown]
# # 15 · Better together
#
# **A language model reads, a diffusion model draws. What can the two do that neither can alone, and what is lost on the way from one to the other?**
#
# After this lesson you can
#
# - build a chain of models, and say from its links how well it will do;
# - write one transformer with two losses, and the mask that lets both live in it;
# - choose a tool for a task by what was measured.
#
# *35 minutes to read, 45 minutes more for the exercises, about 50 seconds to run on two cores. Needs lessons 11 and 12. The quoted claims are from [the article](../docs/article.md). Worked answers to the exercises are in
# [the answer booklet](answers/15_better_together.ipynb).*

# %% tags=["setup"]
import torch
from torch import Tensor

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("15", seed=0)
claims = Claims("15")
sizes = course.sizes(
    cpu=dict(writer_steps=500, num_tales=40),
    gpu=dict(writer_steps=1000, num_tales=200),
)

# %% [markdown]
# ## The claim
#
# > *LLMs parse and understand prompts, diffusion models generate images.*
#
# > *Combining both enables systems that can understand and generate both text and images.*
#
# > *LLMs write descriptions, diffusion models visualize them.*
#
# > *Understanding these differences helps you choose the right tool for the task*
#
# Four sentences, four experiments: a chain, one network for both, an illustrated tale, and a chooser.
#
# ## A first look
#
# The painter of lesson 12 knows 528 captions and no other sentence. People do not speak in captions. So a small GPT stands before it, the **parser**: it reads a sentence in free words (made by rules, as we shall see) and writes a caption, or refuses. Behind the painter stands a **captioner**: it looks at the drawing and says
# what it sees. All three come with the package.

# %%
from course_utils import data, multimodal, recipes
from course_utils.recipes import captions, painters, parser, partners

reads = recipes.load("parser", course.device)  # a GPT of 0.17 million weights
paints = recipes.load("shapes", course.device)  # the U-Net of lesson 12
describes = recipes.load("captioner", course.device)  # a transformer of 0.2 million


def chain(requests: list[str], seed: int = 0) -> tuple[list, Tensor, list[str]]:
    """Captions (None where refused), drawings of those, and what is said of the drawings."""
    wanted = multimodal.parse(reads, parser.tokenizer(), requests)
    scenes = [data.read_caption(caption) for caption in wanted if caption]
    if not scenes:
        return wanted, torch.empty(0, 3, 16, 16), []
    drawings = painters.paint(paints, scenes, seed=seed)
    said = multimodal.describe(describes, captions.tokenizer(), drawings)
    return wanted, drawings, said


asked = [
    "could you paint me something round and crimson , up in the left corner ?",
    "a tiny lemon pyramid and put it at the bottom right .",
    "i would like an azure box to the left of a scarlet ball .",
    "please draw a green elephant in the upper right corner .",
]
wanted, drawings, said = chain(asked)

# %% tags=["measure"]
# @title What became of four requests
remaining = iter(said)
for request, caption in zip(asked, wanted, strict=True):
    print(request)
    print("   parser:   ", caption or "(refused)")
    print("   captioner:", next(remaining) if caption else "-", end="\n\n")
plots.image_row(
    drawings,
    titles=[f"request {k + 1}" for k, caption in enumerate(wanted) if caption],
    width=5.0,
    title="Drawn from free words",
    alt="Three drawings: a large red circle at the top left, a small yellow triangle at the bottom right, a "
    "blue square left of a red circle.",
)

# %% [markdown]
# ## The links, and the chain
#
# *How good is it?* Each link has a truth of its own. We take 160 scenes of the 528 that neither parser nor painter was trained on, and say them in *new* wordings: sentences and pairs of synonyms that the parser never read together. Then we measure each link **alone**, with perfect input:
#
# - the parser, from a wording to the caption;
# - the painter, from the true caption, judged by the detector of lesson 12;
# - the captioner, from a true drawing. (It has been trained on all captions, these included, but on other drawings.)
#
# And then the chain, where each gets what the one before made of it.
#
# **Guess first:** if the links are right in 97, 99 and 100 of 100, between which two numbers must the chain lie, whatever hangs on what?

# %% tags=["measure"]
# @title Links alone and the chain, three seeds of wordings and noise
import itertools

from course_utils import measure

scenes = partners.new_scenes()
words = captions.tokenizer()


def described(images: Tensor, noise: float = 0.0) -> list[bool]:
    """Does the captioner say what each scene is, if it sees the drawing through noise?"""
    dirt = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    images = images + noise * dirt.to(images.device)
    lines = multimodal.describe(describes, words, images)
    return [multimodal.same_picture(line, s) for line, s in zip(lines, scenes, strict=True)]


def links(seed: int, noise: float = 0.0, greets: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """(N, 3) each link alone, (N, 3) each within the chain, and the same for a perfect painter."""
    requests = partners.requests(scenes, 100 + seed, new=True)
    if greets:
        hellos = itertools.cycle(data.wordings.GREETINGS)
        requests = [f"{hello} {request}" for hello, request in zip(hellos, requests, strict=False)]
    found = multimodal.parse(reads, parser.tokenizer(), requests)
    parsed = [multimodal.same_picture(c, s) for c, s in zip(found, scenes, strict=True)]
    real = data.draw_scenes(scenes, generator=torch.Generator().manual_seed(seed))
    drawn = painters.paint(paints, scenes, seed=seed)
    painted = multimodal.score(scenes, drawn).right.tolist()
    alone = torch.tensor([parsed, painted, described(real.to(course.device), noise)]).T
    # What was refused is drawn all the same, to keep the rows; `parsed` marks it as wrong.
    meant = [data.read_caption(c) if c else s for c, s in zip(found, scenes, strict=True)]
    chained = painters.paint(paints, meant, seed=seed)
    right = multimodal.score(scenes, chained).right & torch.tensor(parsed)
    end = torch.tensor(described(chained, noise))
    within = torch.stack([torch.tensor(parsed), right, end], 1)
    true = data.draw_scenes(meant, generator=torch.Generator().manual_seed(seed))
    perfect = torch.tensor(parsed) & torch.tensor(described(true.to(course.device), noise))
    return alone, within, perfect


seeds = (0, 1, 2)
results = [links(seed) for seed in seeds]
names = ("parser", "painter", "captioner")
shares = {
    n: measure.Scatter.of(a[:, k].float().mean() for a, _, _ in results)
    for k, n in enumerate(names)
}
chained = measure.Scatter.of(w.all(1).float().mean() for _, w, _ in results)
product = measure.Scatter.of(a.float().mean(0).prod() for a, _, _ in results)
perfect = measure.Scatter.of(p.float().mean() for _, _, p in results)
for name, found in shares.items():
    print(f"{name} alone: {found}")
print(f"product of the three: {product}")
print(f"the chain: {chained}")
print(f"the chain with a perfect painter: {perfect}")
claims.check("every link alone is right", min(s.low for s in shares.values()), ">", 0.8)
claims.check("the chain, from free words to words again", chained.low, ">", 0.75)

# %% [markdown]
# Three shares $a, b, c$ leave the chain little room: at least $a+b+c-2$, where no two links fail on the same request, and at most the weakest. Here that is a hundredth. The **product** lies between; it is what links would give that fail independently. To see whether they do, links must be weak. So now each request
# begins with a greeting that the parser never read, such as *good evening !*, and the captioner sees through noise:

# %% tags=["measure"]
# @title The same with weak links
weak = [links(seed, noise=0.25, greets=True) for seed in seeds]
for alone, within, _ in weak:
    a = alone.float().mean(0)
    chain_of_weak, by_product = within.all(1).float().mean(), a.prod()
    print(f"links {a[0]:.2f}, {a[1]:.2f}, {a[2]:.2f}: at least {a.sum() - 2:.2f}, product ", end="")
    print(f"{by_product:.2f}, at most {a.min():.2f}; the chain {chain_of_weak:.2f}")
weak_chain = measure.Scatter.of(w.all(1).float().mean() for _, w, _ in weak)
weak_product = measure.Scatter.of(a.float().mean(0).prod() for a, _, _ in weak)
claims.check(
    "weak links: the chain minus the product of its links",
    weak_chain.mean - weak_product.mean,
    "within",
    (-0.06, 0.06),
)

# %% [markdown]
# With room to differ, the product still tells the chain's share. If links failed on the same requests, the chain would be better: what is lost already cannot be lost again. If one link's error confused the next, it would be worse.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 15.1 - Who is to blame? (10 min, easy)
#
# For $N$ requests and $K$ links you know which link was right *within the chain*. Give three numbers: the chain's measured share; the product of the links' shares; and for each link, the share of **all** requests on which it was the **first** to fail. Measured share and blame sum to 1.
#
# <details><summary>Hint</summary>
#
# `right.cumprod(1)` is 1 as long as all were right so far. Link $k$ is first to fail where all before it were right and it is not.
#
# </details>


# %% tags=["exercise"]
def blame(right: Tensor) -> tuple[float, float, Tensor]:
    """Return the chain's share, the product of the links' shares, and the blame (K,).

    Args:
        right: (N, K) bool, whether link k was right on request n; N and K at least 1.
    """
    # BEGIN SOLUTION
    so_far = right.cumprod(1).bool()  # (N, K) right up to here
    before = torch.cat([torch.ones_like(so_far[:, :1]), so_far[:, :-1]], dim=1)
    first = (before & ~right).float().mean(0)
    return so_far[:, -1].float().mean().item(), right.float().mean(0).prod().item(), first
    # END SOLUTION


# %% tags=["check"]
checks.run("15.1", blame)

# %% [markdown]
# ## Without the parser
#
# *Could the painter not read free words itself?* It has a text encoder. We give it a fair chance: its encoder begins as that of captions, sees the same 12,000 wordings as the parser, and learns first alone, 6,000 steps, to say of each request the vector that the old encoder says of its caption; then 900 steps together with the drawing.
# The U-Net stays. That costs more steps than the parser's training. (Scores of three seeds come with the package: `python -m course_utils.recipes.partners`.)
#
# **Guess first:** for new wordings, where does the rival stand: with one thing, and with two?

# %% tags=["measure"]
# @title With a parser, and words straight in
kept = partners.recorded()


def of(name: str, what: str, step: int | None = None) -> measure.Scatter:
    """One value a seed."""
    runs = [kept[name, seed] for seed in partners.SEEDS]
    return measure.Scatter.of(run[step or max(run)][what] for run in runs)


one = torch.tensor([isinstance(scene, data.Placed) for scene in scenes])
with_parser = {
    kind: measure.Scatter.of(w[part, 1].float().mean() for _, w, _ in results)
    for kind, part in (("one thing", one), ("two things", ~one))
}
without = {k: of("wordings straight in", f"new wordings, {k}") for k in ("one thing", "two things")}
plots.bars(
    {f"parser, then painter: {k}": v.mean for k, v in with_parser.items()}
    | {f"words straight in: {k}": v.mean for k, v in without.items()},
    form="{:.0%}",
    xlabel="new wordings of new scenes drawn right, mean of three seeds",
    title="For one thing the painter nearly reads by itself; for two the parser helps",
    alt="Four bars. With the parser both are high. Straight in, one thing is nearly as high, two things clearly lower.",
)

# %% tags=["measure"]
# @title In numbers
for kind in without:
    print(f"{kind}: with a parser {with_parser[kind]}, straight in {without[kind]}")
print(
    f"two things straight in, relation alone: {of('wordings straight in', 'new wordings, relation')}"
)
claims.check("two things, with the parser", with_parser["two things"].low, ">", 0.6)
helped = of("parser", "two things").low - without["two things"].high  # three trainings of each
claims.check(
    "two things: parsed right over drawn right straight in, worst over best", helped, ">", 0
)
claims.check("one thing, straight in", without["one thing"].low, ">", 0.7)

# %% [markdown]
# So *LLMs parse and understand prompts* helps most where two things must be told apart, and a little for one. An earlier rival, trained for a tenth of that, drew hardly any pair rightly, and made us write that two *need* a parser. It was undertrained ([log](../docs/experiments.md)). Whether still more would close the gap, we do not know.
#
# ## How far does the parser reach?
#
# Its world is sentences made by rules, too. What if the rules are left?

# %% tags=["measure"]
# @title The parser on what it knows, on new wordings, new orders, and on what it should refuse
rows = {
    "known wordings, new scenes": "known wordings",
    "new wordings, one thing": "one thing",
    "new wordings, two things": "two things",
    "and parts in a new order, one thing": "one thing, new order",
    "and parts in a new order, two things": "two things, new order",
    "strange colour, thing or place: refused": "refused",
}
for row, what in rows.items():
    print(f"{row:41}{of('parser', what)}")
claims.check("new wordings, two things: right", of("parser", "two things").low, ">", 0.75)
claims.check("strange words: refused", of("parser", "refused").low, ">", 0.9)
each_seed = [kept["parser", seed][max(kept["parser", seed])] for seed in partners.SEEDS]
order_costs = [run["two things"] - run["two things, new order"] for run in each_seed]
print("a new order costs, by seed:", ", ".join(f"{cost:.2f}" for cost in order_costs))
claims.check("a new order costs, with two things (mean)", sum(order_costs) / 3, ">", 0.05)

# %% [markdown]
# It refuses elephants, and places such as *behind the moon*. But it has read neither word: perhaps it only refuses *words* that it does not know? Here is that rule beside it. And requests that no caption can say, in words that it knows. **Guess:** how many of those will it refuse?

# %% tags=["measure"]
# @title Refused: by the parser, and by the rule "a word is unknown"
tokens = parser.tokenizer()
unknown = int(tokens.encode("xyzzy")[0])
generator = torch.Generator().manual_seed(10)
two = [scene for scene in scenes if isinstance(scene, data.Related)]
single = [scene for scene in scenes if isinstance(scene, data.Placed)][:64]
asks = {
    "strange words": [data.word_strange(new=True, generator=generator) for _ in range(64)],
    "good requests in new wordings": partners.requests(scenes, 10, new=True),
    "two things of one colour": [
        f"draw a {s.first[0]} {s.first[1]} {s.relation} a {s.first[0]} {s.second[1]} ." for s in two
    ],
    "no colour": [f"draw a big {s.shape} at the {s.place} ." for s in single],
    "do not draw": [f"do not draw a big {s.colour} {s.shape} at the {s.place} ." for s in single],
}
refused = {}
for name, requests in asks.items():
    by_parser = [one is None for one in multimodal.parse(reads, tokens, requests)]
    by_rule = [unknown in tokens.encode(request).tolist() for request in requests]
    refused[name] = sum(by_parser) / len(requests)
    print(f"{name:30} parser {refused[name]:4.0%}, rule {sum(by_rule) / len(requests):4.0%}")
print(
    "a big ball at the top left:",
    multimodal.parse(reads, tokens, ["draw a big ball at the top left ."])[0],
)
claims.check("good requests: refused", refused["good requests in new wordings"], "<", 0.05)
claims.check("no colour: refused", refused["no colour"], "<", 0.5)
claims.check("two things of one colour: refused", refused["two things of one colour"], "<", 0.5)

# %% [markdown]
# So the elephant was refused for its word. (The rule refuses *do not draw* because *not* is a word it never saw; the parser reads over it.) Where a request is *wrong* in known words, the parser makes something up, fluently, as in lesson 08. And another *order* of the parts was never trained: it costs, in two trainings of three.
#
# ## One network for both
#
# Three networks, three trainings. **Why not one?** A transformer takes a sequence, and does not mind what its vectors are. So put words *and* patches of an image into one, and give it two losses (Zhou et al. 2024, *Transfusion*): for words the next one, for patches the noise. What
# must differ is who sees whom. Words come one after the other, so they may look back only. An image is not read from left to right: its patches see each other, all of them.


# %%
def see(kinds: Tensor) -> Tensor:
    """Who sees whom in a sequence: kinds (T,), 0 for a word, 1 for a patch of the one image."""
    before = torch.ones(len(kinds), len(kinds)).tril().bool()
    same_image = (kinds[:, None] == 1) & (kinds[None, :] == 1)
    return before | same_image


sequence = torch.tensor([0, 0, 0, 1, 1, 1, 1])  # a caption of three words, then four patches
print(see(sequence).int())
same = torch.equal(see(sequence), multimodal.joint_mask(sequence[None])[0])
claims.check("page and package: the same mask", same, "==", True)

# %% [markdown]
# How does a picture become part of a sequence? It is cut into 16 squares. Each becomes a vector, by a linear map of its pixels and by what a small convolution sees there; its place and the time are added. Behind the blocks of lesson 08, words go to logits, and squares back to pixels:


# %%
from torch.nn.functional import pad

from course_utils import diffusion
from course_utils.layers import time_embedding


def draw_in_one(net, images: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
    """The answer (B, 3, 16, 16) to noisy images at times t (B,), for captions (B, L)."""
    words = net.embed(pad(tokens, (1, 0), value=net.start))  # (B, L + 1, D), a start before them
    patches = net.enter(net.tokens.cut(images)) + net.positions  # (B, 16, D)
    patches = patches + net.deeper(net.see(images)).flatten(2).mT
    patches = patches + net.time(time_embedding(t, net.width))[:, None]
    sequence = torch.cat([words, patches], dim=1)
    is_patch = torch.arange(sequence.shape[1], device=images.device) >= words.shape[1]
    mixed = net.mix(sequence, is_patch.long().expand(len(images), -1))  # the blocks, under the mask
    return net.tokens.join(net.leave(mixed[:, words.shape[1] :]))


# %% [markdown]
# To draw, the caption stands first, the noisy patches behind it. To describe, clean patches stand first. These are two passes, and the loss is the sum, with a weight for the noise (`drop` hides a tenth of the captions, for guidance):


# %%
def two_losses(model, images: Tensor, tokens: Tensor, weight: float = 5.0) -> Tensor:
    """Cross-entropy of the words given the image, and squared error of the noise given the words."""
    written = multimodal.caption_loss(model, (images, tokens))
    drawn = diffusion.denoising_loss(model, (images, tokens), drop=0.1)
    return written + weight * drawn


# %% tags=["measure"]
# @title The page's network and loss, and the package's
torch.manual_seed(0)
both = partners.joint_model("one for both").to(course.device)
torch.nn.init.normal_(both.net.leave.weight)  # it starts at zero
full = captions.encode([s for s in scenes if isinstance(s, data.Related)][:4]).to(course.device)
noisy, t = (
    torch.randn(4, 3, 16, 16, device=course.device),
    torch.full((4,), 0.5, device=course.device),
)
full = full[:, : int((full >= 0).sum(1).min())]  # no gaps behind the words
difference = (draw_in_one(both.net, noisy, t, full) - both.net(noisy, t, full)).abs().max()
claims.check("page and package: the same drawing, off by", difference, "<", 1e-4)
batch = tuple(part.to(course.device) for part in captions.pairs(8)[0])
values = []
for loss in (lambda: two_losses(both, *batch), lambda: multimodal.joint_loss(both, batch)):
    torch.manual_seed(1)
    values.append(loss().item())
claims.check("page and package: the same loss, off by", abs(values[0] - values[1]), "<", 1e-4)

# %% [markdown] tags=["exercise-text"]
# ### Exercise 15.2 - Many images, and padding (15 min, hard)
#
# Real sequences mix: words, an image, words, another image. `kinds` says for each place: 0 a word, 1 and above the number of its image, -1 padding. A word sees what came before. A patch sees what came before **and all patches of its own image**, not those of a later one. Nobody sees
# padding, but each place sees itself (a row that sees nothing has no softmax).
#
# <details><summary>Hint</summary>
#
# Three tables (B, T, T), joined by `|` and `&`: before, same image, not padding. `kinds[:, :, None] == kinds[:, None, :]` compares all pairs of places.
#
# </details>


# %% tags=["exercise"]
def who_sees_whom(kinds: Tensor) -> Tensor:
    """Return (B, T, T) bool: row i says what place i may see.

    Args:
        kinds: (B, T) int64, -1 padding, 0 words, 1 ... the number of an image.
    """
    # BEGIN SOLUTION
    num = kinds.shape[1]
    before = torch.ones(num, num, dtype=torch.bool).tril()
    same = (kinds[:, :, None] == kinds[:, None, :]) & (kinds > 0)[:, None, :]
    itself = torch.eye(num, dtype=torch.bool)
    return ((before | same) & (kinds >= 0)[:, None, :]) | itself
    # END SOLUTION


# %% tags=["check"]
checks.run("15.2", who_sees_whom)

# %% [markdown]
# The fair comparison, at equal operations:
#
# | | weights | pictures a step |
# |---|---|---|
# | **one** for both | 0.42 million | 16 for each of its two losses |
# | **two**: draws only, writes only | 0.20 million each | 32 each |
#
# All see the same captions, none that are new. They are transformers; the U-Net of the chain is not in this race.
#
# **Guess first:** what will sharing cost, or gain: in drawing, in writing?

# %% tags=["measure"]
# @title One beside two, over training
steps = list(partners.MARKS)
figure, axes = plots.panels(
    2,
    title="At equal operations and a weight of 5: level in writing, behind in drawing",
    size=(8.0, 3.0),
    alt="Two panels over 300 to 1,500 steps. Left, the network that only draws rises to one, the one for "
    "both to a third. Right, both rise together to nine tenths and more.",
)
for ax, what, alone, label in (
    (axes[0], "places new, one thing", "draws only", "drawing: corner right"),
    (axes[1], "writes new, two things", "writes only", "writing: captions right"),
):
    plots.curves(
        {n: (steps, [of(n, what, s).mean for s in steps]) for n in ("one for both", alone)},
        styles={
            "one for both": {"marker": "o", "color": plots.PURPLE},
            alone: {"marker": "o", "color": plots.MODEL},
        },
        xlabel="steps",
        ylabel=label,
        ax=ax,
    )
figure

# %% tags=["measure"]
# @title After 1,500 steps, three seeds
pairs = {
    "corner, one thing": ("places new, one thing", "draws only"),
    "relation, two things": ("places new, two things", "draws only"),
    "captions of one thing": ("writes new, one thing", "writes only"),
    "captions of two things": ("writes new, two things", "writes only"),
}
for name, (what, alone) in pairs.items():
    print(f"{name:24} one for both {of('one for both', what)}   {alone} {of(alone, what)}")
drawing = (
    of("draws only", "places new, one thing").low - of("one for both", "places new, one thing").high
)
claims.check("drawing: the specialist ahead, corner of one thing", drawing, ">", 0.3)
writing = (
    of("writes only", "writes new, two things").mean
    - of("one for both", "writes new, two things").mean
)
claims.check("writing: difference, captions of two things", writing, "within", (-0.2, 0.2))

# %% [markdown]
# At equal operations, and with the weight of 5 that Zhou et al. took, one network writes about as well as the specialist, and draws much worse. **The weight was not tuned**, and it decides who pays; with as many pictures as the specialist, so twice the operations, and a larger weight it drew about as well ([the log](../docs/experiments.md), one seed). (Zhou et al. find that their network of billions of weights loses little.)
#
# ## A tale with pictures
#
# *LLMs write descriptions, diffusion models visualize them.* Tales here have four sentences. The first says who, all others say *it*. So to draw the second sentence, one must have read the first. The writer is a GPT, trained here on 4,000 tales:

# %%
from course_utils import training
from course_utils.language import GPT, GPTConfig, WordTokenizer, next_token_loss, sample
from course_utils.records import last

source = torch.Generator().manual_seed(0)
tales = [" ".join(text for text, _ in data.tell(source)) for _ in range(4000)]
tale_words = WordTokenizer.train("\n".join(tales) + "\n")
stream = data.Windows(tale_words.encode("\n".join(tales) + "\n"), context_length=64, batch_size=16)
torch.manual_seed(course.seed)
writer = GPT(GPTConfig(tale_words.vocab_size, 64, num_heads=4, width=64)).to(course.device)
training.fit(
    writer,
    stream.to(course.device),
    next_token_loss,
    num_steps=sizes.writer_steps,
    optimizer=training.muon(writer),
    checkpoint=course.checkpoint("tales"),
)

# %% [markdown]
# It writes; a rule finds for each sentence the scene that it describes, remembering who *it* is (`data.read_tale`); the painter draws. One picture a sentence:

# %% tags=["measure"]
# @title Tales that the model writes, and the first of them in pictures
end = tale_words.encode("\n")
steps = sample(
    writer.eval(),
    end.repeat(sizes.num_tales, 1).to(course.device),
    max_new_tokens=60,
    temperature=0.8,
    stop=int(end[0]),
    generator=torch.Generator().manual_seed(0),
)
written = [tale_words.decode(row[1:]).strip() for row in last(steps).state.cpu()]
sentences = [[f"{part.strip()} ." for part in tale.split(".") if part.strip()] for tale in written]
shown = [data.read_tale(tale) for tale in sentences]
whole = [k for k, tale in enumerate(shown) if len(tale) == 4 and None not in tale]
tale = [*zip(sentences[whole[0]], shown[whole[0]], strict=True)] if whole else data.tell(source)
print("\n".join(text for text, _ in tale))
plots.image_row(
    painters.paint(paints, [scene for _, scene in tale], seed=2),
    titles=[f"sentence {k}" for k in range(1, 5)],
    width=7.0,
    title="Written by one model, drawn by the other",
    alt="Four drawings, one for each sentence of the tale above them.",
)

# %% tags=["measure"]
# @title How many tales make sense, and how many pictures show them?
known = [scene for tale in shown for scene in tale if scene is not None]
print(f"tales of four sentences that make sense: {len(whole)} of {len(written)}")
known = known or [scene for _, scene in tale]
tale_right = multimodal.score(known, painters.paint(paints, known, seed=3)).right.float().mean()
alone = [data.read_tale([s])[0] for tale in sentences for s in tale[1:]]
made_up = sum(tale in set(tales) for tale in written)
print(f"tales that stand word for word in the training: {made_up}")
claims.check("tales that make sense (share)", len(whole) / len(written), ">", 0.6)
claims.check("their sentences drawn right (share)", tale_right, ">", 0.85)
claims.check(
    "control: later sentences alone, without the first, show something",
    sum(a is not None for a in alone),
    "==",
    0,
)

# %% [markdown]
# The last claim is a check of the rule, not a finding: *it rolled to the top left* shows nothing to who has not read from the beginning. Each does its own part: the writer never saw a picture, the painter never read a tale; and what *it* means was resolved by our rule, not by a model.
#
# ## The chooser
#
# *Understanding these differences helps you choose the right tool for the task.* Twelve tasks. For each, choose before you look: **D** diffusion, **L** a language model, **B** both together, **N** neither. Replace the question marks, and run. (The marks are what this course would choose.)

# %%
from course_utils.exercises.lesson_15 import TASKS, marked

my_choice = "????????????"  # one letter for each of:
for number, task in enumerate(TASKS, start=1):
    print(f"{number:2} {task}")
print(marked(my_choice))

# %% [markdown]
# <details><summary>What was measured (choose first)</summary>
#
# | task | tool | measured in |
# |---|---|---|
# | a new digit | D | [02](02_denoiser_training.ipynb): new digits, no copies |
# | the next word | L | [08](08_gpt_training.ipynb): within a hundredth of a nat of the best possible |
# | a dear call | D | [03](03_sampling.ipynb): one call of a distilled student |
# | a missing part | D | [04](04_guidance_and_editing.ipynb): known pixels exact, the rest drawn from the distribution |
# | a sum of any length | N | [11](11_using_language_models.ipynb): with steps right at the length of training, wrong beyond; a calculator is never wrong |
# | a small program | L | [11](11_using_language_models.ipynb): one and two steps right, five not |
# | a pitch | D | [05](05_beyond_images.ipynb): by the same loop as pictures |
# | a summary without error | N | [10](10_encoder_decoder.ipynb): no layout had every report right; a rule of one line has |
# | free words, two things | B | this lesson: parsed first, clearly more are right |
# | a fact in no text | N | [08](08_gpt_training.ipynb), [11](11_using_language_models.ipynb): a made-up answer, in the same words as a true one |
# | a caption | L | this lesson: it reads patches and writes words |
# | a tale with pictures | B | this lesson: one writes, the other draws |
#
# </details>

# %% [markdown] tags=["exercise-text"]
# ### Exercise 15.3 - A tool for the chooser (20 min, medium)
#
# Write the chooser itself. For each tool you have its scores on several seeds (shares right), and its cost. *Good enough* means on **every** seed. Of those that are good enough take the cheapest; of equally cheap ones the one whose worst seed is better; if that is equal, the first by name. A tool without any score was never
# measured: it cannot be chosen. If none is good enough, return `None`.
#
# <details><summary>Hint</summary>
#
# `min(names, key=lambda name: (cost, -worst, name))` compares tuples from the left.
#
# </details>


# %% tags=["exercise"]
def choose(tools: dict[str, tuple[list[float], float]], need: float) -> str | None:
    """Return the name of the tool to take, or None.

    Args:
        tools: name -> (scores, one a seed; cost).
        need: the share that must be reached; exactly that is enough.
    """
    # BEGIN SOLUTION
    enough = {name: tool for name, tool in tools.items() if tool[0] and min(tool[0]) >= need}
    if not enough:
        return None
    return min(enough, key=lambda name: (enough[name][1], -min(enough[name][0]), name))
    # END SOLUTION


# %% tags=["check"]
checks.run("15.3", choose)

# %% [markdown]
# ## Ask it yourself
#
# Choose how to say it. The title says what the parser understood and what the captioner saw.


# %% tags=["measure"]
# @title A request from menus
def show(
    opening="draw", size="big", colour="crimson", shape="ball", place="in the upper left corner"
):
    request = f"{opening} a {size} {colour} {shape} {place} ."
    (caption, *_), pictures, lines = chain([request] * 4)
    if caption is None:
        pictures, lines = torch.full((4, 3, 16, 16), -1.0), ["nothing"]
    return plots.image_row(
        pictures,
        width=5.5,
        title=f"understood: {caption or 'refused'}\nseen: {lines[0]}",
        alt=f"Four drawings for: {request}",
    )


widgets.slider(
    show,
    opening=["draw", "please draw", "i would like"],
    size=["big", "tiny", "little"],
    colour=["crimson", "emerald", "navy", "golden", "purple"],
    shape=["ball", "box", "wedge", "elephant"],
    place=["in the upper left corner", "at the bottom right", "behind the moon"],
)

# %% tags=["measure"]
# @title The same without menus
show("please draw", "tiny", "navy", "wedge", "at the bottom right")

# %% [markdown]
# ## Where the claim stops being true
#
# - **The free words are made by rules.** New is a combination, or an order. A word that no rule has is only good for a refusal.
# - **The chain is no better than its weakest link.** Here the parser is it.
# - **One training** each of the parser, painter and captioner that are shipped; their scores on three seeds are in the package.
# - **Which tool is right** was asked of small models. The chooser's rows say what this course measured, and where.
#
# ## What was measured
#
# **Verdict: *LLMs parse, diffusion generates* holds in a world of sentences made by rules; the parser helps where two things must be told apart. *Combining both* in one network holds in writing; at equal operations and an untuned weight it was behind in drawing. *LLMs write, diffusion visualizes* holds where each does its own part, with a rule between them.**

# %% tags=["measure"]
# @title All claims of this lesson
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# | | diffusion | language |
# |---|---|---|
# | in the chain | draws what it is told | reads before it, describes behind it |
# | in one network | patches see each other; noise | words look back; next token |
# | what goes over | a drawing | a caption |
#
# ## Papers
#
# - Zhou et al. 2024, *Transfusion: predict the next token and diffuse images with one multi-modal model*, arXiv:2408.11039: the mask in figure 4, the two losses in equation 4.
# - Ramesh et al. 2022, *Hierarchical text-conditional image generation with CLIP latents*, arXiv:2204.06125: a prior between words and pictures.
# - Lian et al. 2023, *LLM-grounded diffusion*, arXiv:2305.13655: a language model that plans what a diffusion model draws.
# - Bowman et al. 2016, *Generating sentences from a continuous space*, arXiv:1511.06349: hiding words, so that the rest is looked at.
