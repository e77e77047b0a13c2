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
# The painter of lesson 12 knows 528 captions and no other sentence. People do not speak in captions. So a small GPT stands before it, the **parser**: it reads a free sentence and writes a caption, or refuses. Behind the painter stands a **captioner**: it looks at the drawing and says
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
# *How good is it?* Each link has a truth of its own. We take scenes that neither parser nor painter was trained on, and say them in *new* wordings: sentences and pairs of synonyms that the parser never read together. Then we measure each link **alone**, with perfect input:
#
# - the parser, from a wording to the caption;
# - the painter, from the true caption, judged by the detector of lesson 12;
# - the captioner, from a true drawing. (It has been trained on all captions, these included, but on other drawings.)
#
# And then the chain, where each gets what the one before made of it.
#
# **Guess first:** if the links are right in 97, 98 and 90 of 100, what will the chain be?

# %% tags=["measure"]
# @title Links alone and the chain, three seeds of wordings and noise
from course_utils import measure

scenes = partners.new_scenes()
words = captions.tokenizer()


def described(images: Tensor) -> list[bool]:
    """Does the captioner say what each scene is?"""
    lines = multimodal.describe(describes, words, images)
    return [multimodal.same_picture(line, s) for line, s in zip(lines, scenes, strict=True)]


def links(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(N, 3) each link alone, (N, 3) each within the chain, and the same for a perfect painter."""
    requests = partners.requests(scenes, 100 + seed, new=True)
    found = multimodal.parse(reads, parser.tokenizer(), requests)
    parsed = [multimodal.same_picture(c, s) for c, s in zip(found, scenes, strict=True)]
    real = data.draw_scenes(scenes, generator=torch.Generator().manual_seed(seed))
    drawn = painters.paint(paints, scenes, seed=seed)
    painted = multimodal.score(scenes, drawn).right.tolist()
    alone = torch.tensor([parsed, painted, described(real.to(course.device))]).T
    meant = [data.read_caption(c) if c else s for c, s in zip(found, scenes, strict=True)]
    chained = painters.paint(paints, meant, seed=seed)
    right = multimodal.score(scenes, chained).right & torch.tensor(parsed)
    within = torch.stack([torch.tensor(parsed), right, torch.tensor(described(chained))], 1)
    true = data.draw_scenes(meant, generator=torch.Generator().manual_seed(seed))
    perfect = torch.tensor(parsed) & torch.tensor(described(true.to(course.device)))
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
claims.check(
    "the chain against the product of its links",
    chained.mean - product.mean,
    "within",
    (-0.06, 0.06),
)

# %% [markdown]
# The product tells the chain's share closely. That need not be so. If links fail on the same requests, the chain is better than the product: a request that is lost already cannot be lost again. If one link's error confuses the next, it is worse.

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
# *Could the painter not read free words itself?* It has a text encoder. We give it the best chance we could think of: its encoder begins as that of captions, sees the same 6,000 wordings as the parser, and is told for each which vector its caption has. The U-Net stays. It is
# trained for 700 steps. (Scores of three seeds come with the package: `python -m course_utils.recipes.partners`.)
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
    title="For one thing the painter reads by itself; for two it needs the parser",
    alt="Four bars. With the parser both are high. Straight in, one thing is high, two things near zero.",
)

# %% tags=["measure"]
# @title In numbers
for kind in without:
    print(f"{kind}: with a parser {with_parser[kind]}, straight in {without[kind]}")
print(
    f"two things straight in, relation alone: {of('wordings straight in', 'new wordings, relation')}"
)
claims.check("two things, with the parser", with_parser["two things"].low, ">", 0.6)
claims.check("control: two things, straight in", without["two things"].high, "<", 0.3)
claims.check("one thing, straight in", without["one thing"].low, ">", 0.7)

# %% [markdown]
# So *LLMs parse and understand prompts* is worth most where the sentence has a structure. Of one thing, a bag of its words says nearly all, and an encoder will do. With two, who is what and where stands in the order. The parser writes a caption word by word, and
# was trained to; the encoder has one pass. (Undertrained is not unable: that more steps would not help the rival was not tried.)
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
    "refuses what no caption can say": "refused",
}
for row, what in rows.items():
    print(f"{row:38}{of('parser', what)}")
claims.check("new wordings, two things: right", of("parser", "two things").low, ">", 0.75)
claims.check("requests that no caption fits: refused", of("parser", "refused").low, ">", 0.9)
order_costs = of("parser", "two things").mean - of("parser", "two things, new order").mean
claims.check("parts in an order never seen cost, with two things", order_costs, ">", 0.05)

# %% [markdown]
# It refuses elephants, and places such as *behind the moon*, though it has read neither word. A quarter of its training was requests to refuse. What it has not got is another *order*: *a box , i want to see it left of a ball* was never trained, and with two things it costs.
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
# To draw, the caption stands first, the noisy patches behind it. To describe, clean patches stand first. The loss is the sum, with a weight for the noise:


# %%
def two_losses(model, images: Tensor, tokens: Tensor, weight: float = 5.0) -> Tensor:
    """Cross-entropy of the words given the image, and squared error of the noise given the words."""
    written = multimodal.caption_loss(model, (images, tokens))
    drawn = diffusion.denoising_loss(model, (images, tokens), drop=0.1)
    return written + weight * drawn


# %% tags=["measure"]
# @title The page's loss and the package's
from course_utils import diffusion

torch.manual_seed(0)
both = partners.joint_model("one for both").to(course.device)
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
# The fair comparison: **one** network of 0.42 million weights beside **two** of 0.20 million, one that only draws and one that only writes. In a step the one takes 16 pictures for each of its two losses, the two take 32 each: so it has about as many operations as the two together. All see the same captions, none that are new. They are
# transformers; the U-Net of the chain is not in this race.
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
# At equal operations, and with the weight of 5 that Zhou et al. took, one network does understand and generate both, writes as well as the specialist, and draws much worse. **The weight was not tuned**, and it decides who pays: on one tuning seed, 600 steps, a weight of 50 drew better (corner 0.38 for 0.14) and wrote later (captions of two things 0.04 for 0.98). With as many *pictures* as the specialist, so twice the operations, and a weight of 50 it drew about as well (0.88 for 0.80; [the log](../docs/experiments.md)). (Zhou et al. find that their network of billions of weights loses little.)
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
# The last claim is a check of the rule, not a finding: *it rolled to the top left* shows nothing to who has not read on from the beginning. Each model does its own part: the writer never saw a picture, the painter never read a tale.
#
# ## The chooser
#
# *Understanding these differences helps you choose the right tool for the task.* Twelve tasks. For each, choose before you look: **D** diffusion, **L** a language model, **B** both together, **N** neither. Replace the question marks, and run.

# %%
my_choice = "????????????"  # one letter for each of:
TASKS = {
    "a digit that no one has drawn before": "D",
    "the next word of a sentence": "L",
    "a picture, where a call of the network is dear": "D",
    "the missing part of a picture": "D",
    "a sum of two numbers of any length, exactly": "N",
    "a small program that doubles a number and adds three": "L",
    "a sound of a given pitch": "D",
    "a summary of a report, with no error allowed": "N",
    "a picture of what somebody says in free words, about two things": "B",
    "a fact that stands in no text": "N",
    "the caption of a drawing": "L",
    "a tale with pictures": "B",
}
for task, choice in zip(TASKS, my_choice.ljust(12, "?"), strict=True):
    print(choice, task)
if "?" not in my_choice:
    hits = sum(a == b for a, b in zip(my_choice.upper(), TASKS.values(), strict=True))
    print(f"{hits} of 12 as measured")

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
# | a summary without error | N | [10](10_encoder_decoder.ipynb): both layouts stay behind a rule of one line |
# | free words, two things | B | this lesson: straight in they fail; parsed first they do not |
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
# - **The chain is no better than its weakest link**, and each further link costs: that is what the product says.
# - **One training** each of the parser, painter and captioner that are shipped; their scores on three seeds are in the package.
# - **Which tool is right** was asked of small models. The chooser's rows say what this course measured, and where.
#
# ## What was measured
#
# **Verdict: *LLMs parse, diffusion generates* holds, and the parser is worth most where the sentence has structure. *Combining both* in one network holds in writing; at equal operations and an untuned weight it was behind in drawing. *LLMs write, diffusion visualizes* holds where each does its own part.**

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
