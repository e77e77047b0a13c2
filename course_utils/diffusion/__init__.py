"""Diffusion models: a schedule, a denoiser, its objective, and samplers. Mirrors `language`."""

from course_utils.diffusion.consistency import consistency_loss
from course_utils.diffusion.editing import edit, inpainting, slerp
from course_utils.diffusion.exact import ExactDenoiser, GaussianMixtureDenoiser
from course_utils.diffusion.guidance import Guided
from course_utils.diffusion.inversion import invert
from course_utils.diffusion.measure import error_by_time
from course_utils.diffusion.model import Denoiser, PointMLP
from course_utils.diffusion.objective import add_noise, denoising_loss, stratified_times
from course_utils.diffusion.sampling import sample
from course_utils.diffusion.schedule import Cosine, Flow, LinearBeta, Schedule, discrete_betas
from course_utils.diffusion.steps import (
    ancestral,
    ddim,
    dpm_solver_2m,
    gaussian_step,
    heun,
    posterior_std,
    renoise,
)
from course_utils.diffusion.times import (
    times_even,
    times_even_in_snr,
    times_karras,
    times_quadratic,
)
from course_utils.diffusion.tokens import Clip, Frames, Patches, Points, Tokens
from course_utils.diffusion.transformer import DiT
from course_utils.diffusion.unet import UNet

__all__ = [
    "Clip",
    "Cosine",
    "Denoiser",
    "DiT",
    "ExactDenoiser",
    "Flow",
    "Frames",
    "GaussianMixtureDenoiser",
    "Guided",
    "LinearBeta",
    "Patches",
    "PointMLP",
    "Points",
    "Schedule",
    "Tokens",
    "UNet",
    "add_noise",
    "ancestral",
    "consistency_loss",
    "ddim",
    "denoising_loss",
    "discrete_betas",
    "dpm_solver_2m",
    "edit",
    "error_by_time",
    "gaussian_step",
    "heun",
    "inpainting",
    "invert",
    "posterior_std",
    "renoise",
    "sample",
    "slerp",
    "stratified_times",
    "times_even",
    "times_even_in_snr",
    "times_karras",
    "times_quadratic",
]
