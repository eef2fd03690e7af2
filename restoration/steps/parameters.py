"""What each step can be told. Nothing heavy is imported here, so that recipes can be checked anywhere.

A recipe's parameters are validated against these classes before a run starts; unknown names are refused. The defaults
are part of the contract: a recipe's canonical form spells every parameter out, so changing a default changes its hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from restoration.colour_hints import MOST_HINTS, ColourHint

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class StepParameters(BaseModel):
    """Base of all parameter classes: frozen, no unknown names, no silent conversions.

    ``invents`` says whether the step can put content into the picture that the scan did not hold (colour, a face);
    ``model_fields_used`` names the parameters whose value is a registry name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    invents: ClassVar[bool] = False
    model_parameters: ClassVar[tuple[str, ...]] = ()

    def model_names(self) -> tuple[str, ...]:
        """Registry names of the models this step would use, without empty ones."""
        return tuple(name for field in self.model_parameters if (name := str(getattr(self, field))))


def _without_late(facts: dict[str, Any], **late: Any) -> dict[str, Any]:
    """Parameters that came later are no part of a recipe that does not name them: it keeps its hash.

    :param late: these parameters, with their defaults.
    """
    return {key: value for key, value in facts.items() if key not in late or value != late[key]}


class Triage(StepParameters):
    """Is the scan gray, tinted (sepia, cyanotype, yellowed) or a colour photograph, faded perhaps, or a negative?"""

    model_parameters: ClassVar[tuple[str, ...]] = ("detector", "upright_model")
    tint_chroma: float = Field(
        default=3.0, ge=0, description="Mean CIELAB chroma above which a gray scan counts as tinted."
    )
    colour_spread: float = Field(
        default=6.0,
        ge=0,
        description="Spread of a*b* round the tint curve above which a scan counts as a colour photograph.",
    )
    faded_spread: float = Field(
        default=1.3,
        ge=0,
        description="The same for prints that have faded to pink, of things of some size; 0 to treat faded prints as "
        "all others.",
    )
    faded_doubt: Fraction = Field(
        default=0.75,
        description="Share of these thresholds from which it is left to a person whether a faded print is in colour.",
    )
    detector: str = Field(
        default="", description="Registry name of the face detector that tells negatives; empty to look for none."
    )
    negatives: Literal["review", "invert"] = Field(
        default="review",
        description="What to do about a negative: leave it to a person as it is, or make it a positive.",
    )
    several: Literal["offer", "split", "off"] = Field(
        default="offer",
        description="Whether to look for several photographs on one scan, and to say on record where they are. With "
        "'offer' the scan is restored as a whole until a person divides it (`restoration divide`); with 'split' the "
        "run divides it at once if three or more lie on a scanner's lid and every one is surely seen.",
    )
    upright: Literal["as scanned", "output"] = Field(
        default="as scanned",
        description="Whether a print that lies on its side or upside down is shown upright: `output` turns the result, "
        "and the scan wherever the two are compared. Needs a `detector` or an `upright_model`, and triage to come "
        "first.",
    )
    upright_model: str = Field(
        default="",
        description="Registry name of the net that tells which way up a print lies if no face does; empty to ask none. "
        'Only `upright = "output"` asks it here.',
    )

    stains: Literal["leave", "correct"] = Field(
        default="leave",
        description="What to do about yellow and brown stains of a gray or toned print: leave them, or take their "
        "density off, so that the drawing below them stays.",
    )

    @model_validator(mode="after")
    def _somebody_can_tell(self) -> Triage:
        if self.upright == "output" and not (self.detector or self.upright_model):
            raise ValueError(
                'upright = "output" needs a detector or an upright_model to tell which way up a print lies'
            )
        return self

    @model_serializer(mode="wrap")
    def _without_late_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Parameters that came later are no part of a recipe that does not name them: it keeps its hash."""
        return _without_late(handler(self), several="offer", upright="as scanned", upright_model="", stains="leave")


class Repair(StepParameters):
    """Find scratches, tears, creases, holes and dust, and fill them from their surroundings or by an inpainting net.

    Without a ``finder`` marks are found by their shape alone, without an ``inpainter`` everything is filled from its
    rim, without a ``denoiser`` grain is smoothed by a filter: then no trained model takes part, and nothing but a
    mark's own place is invented.
    """

    model_parameters: ClassVar[tuple[str, ...]] = ("finder", "inpainter", "detector", "denoiser")
    finder: str = Field(
        default="", description="Registry name of a net that finds damage; empty to find marks by their shape."
    )
    inpainter: str = Field(
        default="", description="Registry name of the net that fills wide holes; empty for diffusion from the rim."
    )
    detector: str = Field(
        default="", description="Registry name of the face detector that protects eyes from a finder; empty for none."
    )
    face_parts: Literal["review", "fill"] = Field(
        default="review",
        description="What to do about a hole that takes an eye, a mouth or a quarter of a face: leave it to a person, "
        "or invent it.",
    )
    descreen: bool = Field(default=True, description="Remove the dots of a printing screen, if one is found.")
    sensitivity: Fraction = Field(default=0.5, description="How faint a mark may be and still count as damage.")
    max_share: Fraction = Field(
        default=0.35, description="Share of the picture above which damage is left to a person."
    )
    denoiser: str = Field(
        default="",
        description="Registry name of the net that takes off grain; empty to smooth strong grain by a filter.",
    )
    denoise: Fraction = Field(
        default=0.3, description="How much of the grain is taken off, by net or filter; 0 switches both off."
    )
    method: Literal["telea", "navier-stokes"] = Field(
        default="navier-stokes", description="OpenCV's inpainting method, for thin marks."
    )


class Grade(StepParameters):
    """Undo fading: black and white point by percentiles, gentle local contrast; a faded colour print is unmixed.
    Invents nothing.
    """

    low_percentile: float = Field(default=0.5, ge=0, le=20, description="Percentile of L* that becomes black.")
    high_percentile: float = Field(default=99.5, ge=80, le=100, description="Percentile of L* that becomes white.")
    strength: Fraction = Field(default=0.8, description="Blend between the scan (0) and the full stretch (1).")
    local_contrast: Fraction = Field(default=0.15, description="Strength of contrast-limited local equalisation.")
    unfade: Fraction = Field(
        default=1.0, description="How much of the fading of a faded colour print's dyes is undone; 0 for none."
    )


class Colorize(StepParameters):
    """Predict chroma from luminance; the scan's own luminance is kept.

    ``hints`` are colours that people gave for one photograph (:mod:`restoration.colour_hints`): no recipe file names
    them, the worker adds them. Without any they are no part of the canonical form.
    """

    invents: ClassVar[bool] = True
    model_parameters: ClassVar[tuple[str, ...]] = ("model_here", "detector", "upright_model")
    model: str = Field(default="house-colorizer", description="Registry name of the colorizer.")
    hint_model: str = Field(
        default="hinted-colorizer",
        description="Registry name of the colorizer for photographs whose colours people know; empty for the same one.",
    )
    saturation: float = Field(default=1.0, ge=0, le=2, description="Factor on the predicted chroma.")
    boldness: Fraction = Field(
        default=1.0, description="Share of the chroma that is kept where the model expects to be wrong, if it says so."
    )
    detector: str = Field(
        default="",
        description="Registry name of the face detector that tells which way up a print lies, so that its colours do "
        "not depend on that; empty to look for no faces.",
    )
    upright_model: str = Field(
        default="",
        description="Registry name of the net that tells the same if no face does; empty to ask none.",
    )
    recolour: bool = Field(default=False, description="Also colorize scans that triage calls colour photographs.")
    hints: tuple[ColourHint, ...] = Field(
        default=(), strict=False, max_length=MOST_HINTS, description="Colours that people gave for one photograph."
    )

    @property
    def model_here(self) -> str:
        """Registry name of the colorizer that does the work: that for hints, if there are any."""
        return self.hint_model if self.hints and self.hint_model else self.model

    @model_serializer(mode="wrap")
    def _without_empty_hints(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A recipe without hints is the plain one, and has its hash."""
        facts = _without_late(handler(self), upright_model="")
        return facts if self.hints else {key: value for key, value in facts.items() if key != "hints"}


class Faces(StepParameters):
    """Detect faces; restore them where a restorer is named, gated by identity; record every one."""

    invents: ClassVar[bool] = True
    model_parameters: ClassVar[tuple[str, ...]] = ("detector", "restorer", "fallback_restorer", "identity")
    detector: str = Field(default="centerface", description="Registry name of the face detector.")
    restorer: str = Field(default="", description="Registry name of the face restorer; empty to record faces only.")
    identity: str = Field(default="dlib-face-embedding", description="Registry name of the identity model.")
    fallback_restorer: str = Field(
        default="", description="Restorer to use where the first one's file is missing; empty for none."
    )
    restorer_required: bool = Field(
        default=False, description="Refuse to start where the restorer's file is missing, instead of doing without it."
    )
    confidence: Fraction = Field(default=0.5, description="Lowest detector score that counts as a face.")
    min_eye_distance: float = Field(default=10.0, ge=0, description="Faces with closer eyes are left alone, in pixels.")
    min_certainty: Fraction = Field(
        default=0.3, description="Faces of which the identity model is less sure are left alone as too damaged."
    )
    identity_threshold: Fraction = Field(
        default=0.6, description="Lowest cosine between source and restored face, where the source is clear."
    )
    identity_threshold_fair: Fraction = Field(default=0.5, description="The same where its certainty is fair.")
    identity_threshold_poor: Fraction = Field(default=0.45, description="The same where its certainty is poor.")
    clear_from: Fraction = Field(default=0.7, description="Certainty from which a source face counts as clear.")
    fair_from: Fraction = Field(default=0.5, description="Certainty from which it counts as fair; below, as poor.")
    clean_ssim: Fraction = Field(
        default=0.99,
        description="A sharp, quiet face is left alone where restoring would put its SSIM on luma below this.",
    )
    chroma_from_restorer: bool = Field(
        default=False, description="Take the restorer's colours too, not only luminance."
    )
    passes: Literal[1, 2] = Field(default=1, description="Second pass only where it raises quality and keeps identity.")

    def restorers(self) -> tuple[str, ...]:
        """Registry names of the restorer and its fallback, without empty ones."""
        return tuple(name for name in (self.restorer, self.fallback_restorer) if name)

    def restorer_here(self, available: Callable[[str], bool]) -> str:
        """The restorer that will do the work on a machine: the first one, or the fallback where only that one's file
        is there; empty where none is.

        :param available: whether a model's file is on the machine.
        """
        return next((name for name in self.restorers() if available(name)), "")

    def threshold(self, certainty: float) -> float:
        """The lowest identity that a face of that certainty may end with."""
        if certainty >= self.clear_from:
            return self.identity_threshold
        return self.identity_threshold_fair if certainty >= self.fair_from else self.identity_threshold_poor


class Upscale(StepParameters):
    """Enlarge by a whole factor."""

    model_parameters: ClassVar[tuple[str, ...]] = ("model",)
    factor: Literal[1, 2, 4] = Field(default=2, description="Factor of enlargement.")
    model: str = Field(default="", description="Registry name of a super-resolution net; empty for Lanczos.")
    max_side: int = Field(default=8192, gt=0, description="Scans that would grow beyond this long side are left alone.")


class Measure(StepParameters):
    """Quality before and after. Runs last; the engine adds it where a recipe leaves it out."""

    long_side: int = Field(default=1024, gt=0, description="Long side at which pictures are measured, in pixels.")


PARAMETERS: dict[str, type[StepParameters]] = {
    "triage": Triage,
    "repair": Repair,
    "grade": Grade,
    "colorize": Colorize,
    "faces": Faces,
    "upscale": Upscale,
    "measure": Measure,
}
"""Every step by name. ``restoration.steps.<name>`` holds the class that does the work, named ``Step``."""
