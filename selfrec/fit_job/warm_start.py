"""A warm start is allowed where the earlier model has not seen what is held out now."""

from __future__ import annotations

from selfrec.errors import SettingsError
from selfrec.model_folder.manifest import WEIGHTS
from selfrec.model_folder.reading import Model, open_model
from selfrec.pipeline.listener import FitListener
from selfrec.pipeline.weights import WarmStart
from selfrec.settings.tables import Config, SplitKind
from selfrec.source.dataset import Dataset
from selfrec.words import plural


def check_warm_start(path: str) -> Model:
    """The earlier model. Raises ModelError, or SettingsError where it has no weights."""
    model = open_model(path)
    if WEIGHTS not in model.manifest.files:
        raise SettingsError(f"--warm-start {path}: the model has no {WEIGHTS}; fit without --warm-start")
    return model


def warm_start_of(path: str | None, config: Config, dataset: Dataset, listener: FitListener) -> WarmStart:
    """The weights of the earlier model at `path`, items matched by id; none where path is None.

    Raises ModelError, or SettingsError where the model has no weights or has been trained on rows that are held out
    now, so that the figures of this fit would flatter it.
    """
    if path is None:
        return WarmStart()
    model = check_warm_start(path)
    _refuse_seen_rows(path, model, config, dataset.split)
    model.verify()
    warm = WarmStart.read(model.path / WEIGHTS, model.catalog, dataset.catalog)
    known = int((warm.old_numbers < warm.old_items).sum())
    listener.message(f"warm start: {known:,} of {plural(len(dataset.catalog), 'item')} known from {path}")
    if dataset.split in ("random", "users") and dataset.fingerprint.get("content") != model.manifest.data.content:
        listener.message(
            f"warm start: split.kind = {dataset.split} draws anew as rows come in, so a few rows held out now may "
            f"have been trained on by {path}"
        )
    return warm


def _refuse_seen_rows(path: str, model: Model, config: Config, split: SplitKind) -> None:
    """One split and one seed hide the same rows again; another pair hides some that the earlier model has seen."""
    earlier = model.config
    if (earlier.split, earlier.seed) != (config.split, config.seed):
        raise SettingsError(
            f"--warm-start {path}: was fitted with another split or seed, so it has seen rows that are held out now; "
            f"take its [split] and --seed {earlier.seed}, or fit without --warm-start"
        )
    asked = earlier.training.validation_users
    if split not in ("leave-last", "temporal") and asked < config.training.validation_users:
        raise SettingsError(
            f"--warm-start {path}: hid rows of at most {plural(asked, 'user')} to choose on, so it has seen those "
            f"of others that are held out now; fit with -o training.validation_users={asked}, or without --warm-start"
        )
    if earlier.training.refit == "all" and config.training.refit != "all":
        raise SettingsError(
            f"--warm-start {path}: was fitted with training.refit = all, so it has seen the test rows; "
            "fit with -o training.refit=all too, or without --warm-start"
        )
