"""A submission is checked against its model: whatever is sent, it is taken within its bounds or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime.errors import Unprocessable
from lambdas.runtime.video_models import MODELS, Choice, Number, Setting, SettingRefused, Switch, VideoModel
from lambdas.submit_video.requests import MAXIMUM_PROMPT_CHARACTERS, VideoRequest

IMAGE = "0d9a8f2e-6f44-4c8b-9d8e-3f4f5a6b7c8d"
EVERY = pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def within(setting: Setting) -> st.SearchStrategy[Any]:
    match setting:
        case Choice():
            return st.sampled_from(setting.options)
        case Switch():
            return st.booleans()
        case Number(whole=True):
            return st.integers(int(setting.minimum), int(setting.maximum))
        case Number():
            return st.floats(setting.minimum, setting.maximum)
    raise AssertionError(setting)


def taken_or_refused(read: Callable[[], VideoRequest]) -> VideoRequest | Unprocessable:
    try:
        return read()
    except Unprocessable as refused:
        return refused


def request(model: VideoModel, **more: Any) -> VideoRequest:
    body = {"model": model.id, "prompt": "p", **({"image_id": IMAGE} if model.text_path is None else {}), **more}
    return VideoRequest.of(body, {})


@pytest.mark.plan("M18")
@EVERY
@given(data=st.data())
def test_what_is_within_the_bounds_reaches_the_generator_as_it_was_sent(model: VideoModel, data: Any) -> None:
    with_image = model.text_path is None
    names = [name for name, setting in model.settings.items() if not (with_image and setting.text_only)]
    given_names = data.draw(st.lists(st.sampled_from(names), unique=True))
    sent = {name: data.draw(within(model.settings[name])) for name in given_names}
    asked = request(model, settings=sent)
    arguments = asked.arguments("https://image.test/x" if with_image else None)
    assert sent.items() <= arguments.items()
    assert set(arguments) <= {"prompt", "image_url", *names}
    assert asked.credits >= model.credits


@pytest.mark.plan("M18")
@EVERY
@given(data=st.data())
def test_whatever_is_sent_is_taken_within_the_bounds_or_refused_by_name(model: VideoModel, data: Any) -> None:
    name = data.draw(st.sampled_from([*model.settings, "no_such_setting"]))
    value = data.draw(anything)
    asked = taken_or_refused(lambda: request(model, settings={name: value}))
    if isinstance(asked, Unprocessable):
        assert asked.field == f"settings.{name}"
        return
    setting = model.settings[name]
    assert setting.checked(asked.settings[name]) == value
    assert type(asked.settings[name]) is type(value), "true is no number"


@pytest.mark.plan("M18")
@given(body=st.dictionaries(st.sampled_from(["model", "prompt", "image_id", "settings", "x"]), anything))
def test_no_body_does_worse_than_a_refusal_that_names_a_member(body: dict[str, Any]) -> None:
    refused = taken_or_refused(lambda: VideoRequest.of(body, {}))
    if isinstance(refused, Unprocessable):
        assert refused.field is not None
        assert refused.field.split(".")[0] in {"model", "prompt", "image_id", "settings"}


@given(data=st.data())
def test_a_digest_tells_meanings_apart_and_not_spellings(data: Any) -> None:
    model = MODELS["wan-2.2"]
    sent = data.draw(st.fixed_dictionaries({}, optional={name: within(it) for name, it in model.settings.items()}))
    shuffled = dict(data.draw(st.permutations(list(sent.items()))))
    first = request(model, settings=sent)
    assert request(model, settings=shuffled).digest == first.digest
    assert request(model, settings=sent, prompt="q").digest != first.digest
    assert request(model, settings=sent, image_id=None).digest == first.digest


@EVERY
def test_a_model_can_be_used_with_its_defaults(model: VideoModel) -> None:
    asked = request(model)
    assert asked.credits == model.credits
    assert asked.path.startswith(f"{model.application}")
    assert model.application.count("/") == 1
    json.dumps(asked.arguments("https://image.test/x"))


@pytest.mark.plan("M18")
def test_a_dearer_setting_costs_more() -> None:
    model = MODELS["kling-2.1-standard"]
    assert [request(model, settings={"duration": it}).credits for it in ("5", "10")] == [6, 12]


@pytest.mark.plan("M18")
def test_images_go_with_the_models_that_take_them() -> None:
    with pytest.raises(Unprocessable) as refused:
        VideoRequest.of({"model": "kling-2.1-standard", "prompt": "p"}, {})
    assert refused.value.field == "image_id"
    both = {"model": "wan-2.2", "prompt": "p"}
    assert VideoRequest.of(both, {}).path.endswith("text-to-video")
    assert VideoRequest.of({**both, "image_id": IMAGE.upper()}, {}).path.endswith("image-to-video")
    with pytest.raises(SettingRefused):
        MODELS["wan-2.2"].choose({"aspect_ratio": "1:1"}, with_image=True)
    assert "aspect_ratio" not in MODELS["wan-2.2"].choose({}, with_image=True)


@pytest.mark.parametrize("prompt", ["", "   ", "x" * (MAXIMUM_PROMPT_CHARACTERS + 1), 1, None, "half \ud800"])
def test_a_prompt_is_a_text_of_some_length(prompt: Any) -> None:
    with pytest.raises(Unprocessable) as refused:
        VideoRequest.of({"model": "wan-2.2", "prompt": prompt}, {})
    assert refused.value.field == "prompt"


@pytest.mark.parametrize(
    ("key", "good"), [("k", True), ("x" * 128, True), ("x" * 129, False), ("", False), ("ä", False)]
)
def test_an_idempotency_key_is_short_visible_ascii(key: str, *, good: bool) -> None:
    def read() -> VideoRequest:
        return VideoRequest.of({"model": "wan-2.2", "prompt": "p"}, {"idempotency-key": key})

    if good:
        assert read().idempotency_key == key
    else:
        with pytest.raises(Unprocessable) as refused:
            read()
        assert refused.value.field == "Idempotency-Key"
