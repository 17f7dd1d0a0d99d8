from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from curate.errors import SettingsError
from curate.models import device

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("flags", "expected"), [("fma avx512_bf16", "bf16"), ("amx_bf16", "bf16"), ("fma avx512f", "fp32")]
)
def test_auto_is_bf16_where_the_processor_multiplies_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, expected: str
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n")
    monkeypatch.setattr(device, "_CPU_INFO", tmp_path / "cpuinfo")

    assert device.settle("auto", device.pick_device("cpu")) == expected


def test_auto_is_fp32_where_the_processor_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_CPU_INFO", tmp_path / "missing")

    assert device.settle("auto", device.pick_device("cpu")) == "fp32"


def test_a_chosen_precision_stays() -> None:
    assert device.settle("fp16", device.pick_device("cpu")) == "fp16"


def test_auto_takes_the_graphics_card_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert device.pick_device("auto").type == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert device.pick_device("auto").type == "mps"
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert device.pick_device("auto").type == "cpu"


def test_a_card_takes_bf16_only_where_it_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for has_it, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda has=has_it, **_: has)
        assert device.settle("auto", torch.device("cuda")) == expected


@pytest.mark.parametrize(("name", "words"), [("gpu", "no device 'gpu'"), ("cuda:7", "torch sees"), ("mps", "no MPS")])
def test_a_device_that_is_not_there_is_refused(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)

    with pytest.raises(SettingsError, match=words):
        device.pick_device(name)


def test_each_card_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)

    assert device.pick_device("cuda:1").index == 1


def test_each_precision_has_its_number_format() -> None:
    assert [str(device.number_format(one)) for one in ("fp32", "bf16", "fp16")] == [
        "torch.float32",
        "torch.bfloat16",
        "torch.float16",
    ]


@pytest.mark.parametrize(
    ("name", "visible", "expected"),
    [
        ("auto", None, ("0", "1")),
        ("cuda", "3, 5", ("3", "5")),
        ("cuda", "3,5,7", ("3", "5")),
        ("cuda:1", None, ()),
        ("cpu", None, ()),
    ],
)
def test_workers_share_out_the_cards_that_are_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, visible: str | None, expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr(device, "_DRIVERS", (tmp_path,))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert device.cards(name) == expected


def test_a_linux_without_a_driver_has_no_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_DRIVERS", (tmp_path / "missing",))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)

    assert device.cards("auto") == ()
