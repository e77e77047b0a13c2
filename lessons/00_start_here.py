# %% [markdown]
# # 00 · Start here
#
# **Two kinds of machines make things up. One begins with noise, one with an empty page. Does your machine run them, and how do they differ?**
#
# After this lesson you can
#
# - say whether your machine is ready, and what to do if it is not;
# - tell the two ways of generating apart, by what is finished when;
# - find your way: how a lesson works, where answers are, which lesson comes next.
#
# *8 minutes to read, 3 minutes more for the exercise, about 10 seconds to run on two cores. Needs no other lesson; Python, a little PyTorch and school probability are assumed. The course grew out of [the article](../docs/article.md) "Diffusion Models vs LLMs". The exercise is solved in
# [the answer booklet](answers/00_start_here.ipynb).*
#
# In this course you build both machines from nothing: what adds noise and what takes it away, what counts words and what attends to them, the training and the loops that make pictures and texts. Run each cell by Shift and Enter, from the top.

# %% tags=["setup"]
import textwrap

import torch

from course_utils.exercises import checks
from course_utils.notebook import Claims, plots, setup, widgets

course = setup("00", seed=0)
claims = Claims("00")

# %% [markdown]
# If you read three lines under the cell above, Python, torch and this course are there.
#
# ## Is your machine ready?

# %%
from course_utils.notebook.machine import check_machine

check_machine()

# %% [markdown]
# *ok* is what it says. *advice* works, but slowly or with little room. *PROBLEM* does not work; such a line ends in an arrow `->` and what to do. (*Tier* and *mode*, above, come at the end of this page. `make lab` is the command that opens these notebooks.) No lesson needs a graphics card, and none needs a network.
#
# ## The claim
#
# > *While both are powerful generative AI technologies, they operate on fundamentally different principles and serve distinct purposes.*
#
# So says the article of **diffusion models**, which make pictures and sounds, and of **large language models** (LLMs), which make text. The course takes the article sentence by sentence. Each becomes an experiment with a number, and with a **control**: the same measurement
# where the claim should fail. Not every sentence survives.
#
# Here are both, small and already trained. The first turns noise into a digit. The second continues a text. What they have in common: a network is called again and again. A call is our clock. (Both networks have a little under half a million weights.)

# %%
from course_utils import diffusion, language, recipes
from course_utils.recipes.stories import tokenizer

painter, writer = recipes.load("digits", course.device), recipes.load("stories", course.device)
words = tokenizer()  # text in, numbers of words out, and back
CALLS = 40


def paint(seed: int) -> list:
    """A digit from noise, in 40 calls; every step is kept. Which digit, the seed decides."""
    label = torch.randint(10, (1,), generator=torch.Generator().manual_seed(seed)).item()
    cond, noise = torch.tensor([label], device=course.device), torch.Generator().manual_seed(seed)
    steps = diffusion.sample(painter, (1, 1, 16, 16), num_steps=CALLS, cond=cond, generator=noise)
    return list(steps)


def write(seed: int) -> list:
    """A text from an empty line, in 40 calls; every step is kept."""
    start, coin = words.encode("\n")[None].to(course.device), torch.Generator().manual_seed(seed)
    steps = language.sample(writer, start, max_new_tokens=CALLS, generator=coin)
    return list(steps)


pictures, texts = paint(seed=0), write(seed=0)

# %% [markdown]
# Two different machines, one form: `sample` hands out a step, here after each call, and a step has a `state`. One is a picture, the other a row of numbers that stand for words (and for full stops and commas).
#
# **Guess first.** After how many of the 40 calls will you know the digit? And after how many, who the story is about?
#
# Move the slider.


# %% tags=["measure"]
# @title One clock for both
def at(calls: int):
    """The state of both after this many calls."""
    said = words.decode(texts[calls - 1].state[0, 1:].tolist()).strip()
    figure, (left, right) = plots.panels(
        2,
        title=f"After {calls} of {CALLS} calls",
        size=(8.0, 2.6),
        alt=f"Left a picture of 16 x 16 pixels after {calls} calls. Right the text so far: {said}",
    )
    left.imshow(pictures[calls - 1].state[0, 0].cpu(), cmap="gray", vmin=-1, vmax=1)
    right.text(0, 0.95, textwrap.fill(said, 46), va="top", fontsize=11, transform=right.transAxes)
    for ax in (left, right):
        ax.set_axis_off()
    return figure


widgets.slider(at, calls=[1, 5, 10, 15, 20, 25, 30, 35, 40])

# %% [markdown]
# A page that does not run shows these instead of the slider:

# %% tags=["measure"]
# @title The same as a strip
chosen = [1, 10, 20, 30, 40]
plots.image_row(
    torch.cat([pictures[k - 1].state for k in chosen]),
    titles=["1 call", *(f"{k} calls" for k in chosen[1:])],
    title="All of the picture at once, slowly; the text from left to right",
    alt="Five pictures: noise, then a digit that grows out of it everywhere at once.",
)

# %% tags=["measure"]
# @title The text at the same moments
for k in chosen:
    print(
        f"{k:3} {'call: ' if k == 1 else 'calls:'} {words.decode(texts[k - 1].state[0, 1:].tolist()).strip()}"
    )

# %% [markdown]
# So: the digit late, and all of it at about the same time; the hero as soon as the name is said.
#
# ## What is finished when?
#
# That is a difference one can measure. Half-way, after 20 calls: which share of the words is final? Which share of the pixels has, within 0.05, the value that it ends with? (Pixels run from -1 to 1.) Three random starts each. And a control: the same share, measured against the end of *another* picture.

# %%
HALF = CALLS // 2
stories, digits = [write(seed) for seed in (0, 1, 2)], [paint(seed) for seed in (0, 1, 2)]


def near(picture: torch.Tensor, end: torch.Tensor) -> float:
    """The share of pixels that are within 0.05 of those of `end`."""
    return ((picture - end).abs() < 0.05).float().mean().item()


changed = 0
for steps in stories:
    half, end = steps[HALF - 1].state[0, 1:], steps[-1].state[0, 1:]  # without the start
    changed += (half != end[: len(half)]).sum().item()
final = [near(steps[HALF - 1].state, steps[-1].state) for steps in digits]
others = [near(digits[k][HALF - 1].state, digits[k - 1][-1].state) for k in range(3)]
print("pixels that are final half-way:", *(f"{share:.0%}" for share in final))
print("control, against another picture's end:", *(f"{share:.0%}" for share in others))
claims.check("words of the first half that change later", changed, "==", 0)
claims.check("share of pixels that are final half-way", max(final), "<", 0.15)
claims.check("control: near the end of another picture, by chance", max(others), "<", 0.15)

# %% [markdown]
# A line that begins with ✓ is a **claim**: what was measured, and the bound that it had to meet. The text settles word after word and never looks back: the loop only adds words, so this number checks the code. The picture is the finding. Half-way it is hardly nearer to its own end than to another's. That is one thing that *fundamentally different principles* can
# mean, on two small networks. Lesson 13 crosses them over.
#
# ## How a lesson works
#
# - **Guess first.** Where you read this, stop and guess. You remember what surprised you.
# - **Open cells** are the point: read each line. **Folded cells** measure and draw; open them when you want to know how.
# - **Exercises** are yours: write the function, run the cell under it. It says *passed*, or what differs, with a hint. Nothing later needs your answer.
# - **Answers** are in `notebooks/answers`, one booklet a lesson.
# - **Your copy** is in `work/`. You can change all of it; `notebooks/` stays as it is.
# - **Tiers.** On a graphics card lessons choose larger sizes by themselves. `COURSE_TIER=cpu make lab` keeps them small.
# - **In a hurry**, or with thirty people: `COURSE_MODE=fast make lab` loads trained weights instead of training.
# - A training that you interrupt goes on where it stopped.

# %% [markdown] tags=["exercise-text"]
# ### Exercise 00.1 - Read the clock (3 min, easy)
#
# Every step has `calls`: how often the network was called until then. Write a function that runs through the steps and returns the calls of the last one. The steps come from a generator: they can be run through once, and have no length. Some samplers call twice a step.
#
# <details><summary>Hint</summary>
#
# After `for step in steps: ...` the name `step` still holds the last one.
#
# </details>


# %% tags=["exercise"]
def total_calls(steps) -> int:
    """Return the calls that were made until the last step.

    Args:
        steps: an iterator of steps, at least one, each with `calls`.
    """
    # BEGIN SOLUTION
    for step in steps:
        calls = step.calls
    return calls
    # END SOLUTION


# %% tags=["check"]
checks.run("00.1", total_calls)

# %% [markdown]
# Press Shift and Enter on the check after you have written it. *Passed*? Then you know how the course works.
#
# ## The map
#
# Start with 01 if pictures draw you, with 06 if text does: the two parts need each other only from 12 on.
#
# | | lesson | reading | needs |
# |---|---|---|---|
# | | **Part 1: diffusion** | | |
# | 01 | [Forward noising](01_forward_noising.ipynb) | 25 min |  |
# | 02 | [Denoiser training](02_denoiser_training.ipynb) | 40 min | 01 |
# | 03 | [Sampling](03_sampling.ipynb) | 50 min | 01, 02 |
# | 04 | [Guidance and editing](04_guidance_and_editing.ipynb) | 45 min | 02, 03 |
# | 05 | [Beyond images](05_beyond_images.ipynb) | 35 min | 02, 04 |
# | | **Part 2: language models** | | |
# | 06 | [Token prediction](06_token_prediction.ipynb) | 45 min |  |
# | 07 | [Attention](07_attention.ipynb) | 40 min | 06 |
# | 08 | [GPT training](08_gpt_training.ipynb) | 40 min | 06, 07 |
# | 09 | [Decoding](09_decoding.ipynb) | 35 min | 06, 07 |
# | 10 | [Encoder-decoder or decoder-only](10_encoder_decoder.ipynb) | 35 min | 07, 08 |
# | 11 | [Using language models](11_using_language_models.ipynb) | 40 min | 06, 07 |
# | | **Part 3: side by side** | | |
# | 12 | [Text to image](12_text_to_image.ipynb) | 35 min | 04, 10 |
# | 13 | [Crossing over](13_crossing_over.ipynb) | 35 min | 02, 08, 09 |
# | 14 | [Core differences](14_core_differences.ipynb) | 40 min | 03, 09, 13 |
# | 15 | [Better together](15_better_together.ipynb) | 35 min | 11, 12 |
# | | together, without the exercises | 10 hours | |
#
# ## What was measured
#
# **Verdict on *fundamentally different principles*: half-way, the words were final, and the pixels no more than chance would have it. That both are called again and again, and hand out a step each time, they share.**

# %% tags=["measure"]
# @title All claims of this lesson
claims.table()

# %% tags=["nbval-check-output"]
# @title The verdicts
claims.verdicts()

# %% [markdown]
# ## The mirror
#
# Each lesson ends with rows of one table: the same thing in both families.
#
# | | diffusion | language |
# |---|---|---|
# | begins with | noise: every pixel random | a prompt, or an empty line |
# | a call changes | all pixels a little | nothing, and adds one word |
# | calls | as many as you choose | as many as there are words |
#
# ## Papers
#
# - [The article](../docs/article.md), "Diffusion Models vs LLMs: Understanding the Core Differences", 2025.
