"""The order probe: settings that keep the order pass it, and every known way of losing it is caught."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.train import drive
from curate.train.delivered import Lengths, compare, marked, pieces

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {"per_device_train_batch_size": 4}


def lengths(rows: int = 30, longest: int = 20) -> Lengths:
    """Rows that grow longer from tier to tier, three tiers."""
    tokens = np.linspace(4, longest, rows).astype(np.int64)
    return Lengths(tokens, tokens // 2, np.arange(rows) * 3 // rows)


def test_marked_rows_are_told_apart_by_every_token() -> None:
    columns = marked(Lengths(np.array([2, 3]), np.array([1, 1]), np.array([0, 1])))

    assert columns == {"input_ids": [[1, 1], [2, 2, 2]], "labels": [[-100, 1], [-100, 2, 2]]}


def test_a_row_that_is_cut_by_a_packs_end_is_one_row() -> None:
    held = Lengths(np.array([2, 4, 2]), np.zeros(3, np.int64), np.zeros(3, np.int64))
    found = pieces([np.array([[1, 1, 2, 2]]), np.array([[2, 2, 3, 3]])])

    assert compare(held, found).in_order


def test_what_is_missing_moved_and_cut_is_told_by_tier() -> None:
    held = Lengths(np.array([3, 3, 3, 3]), np.zeros(4, np.int64), np.array([0, 0, 1, 1]))
    report = compare(held, [(0, 3), (2, 2), (1, 3)])

    assert report.first_divergence == 1
    assert report.rank_correlation == pytest.approx(0.5)
    assert (report.dropped, report.truncated, report.farthest) == ({"1": 1}, {"1": 1}, 1)


def test_transformers_keeps_the_order_with_the_settings_of_the_export() -> None:
    assert drive.of_transformers(lengths(), {**PLAIN, **drive.KEEPING["transformers"]}).in_order


def test_the_random_sampler_of_transformers_is_caught() -> None:
    report = drive.of_transformers(lengths(), PLAIN)

    assert report.first_divergence is not None
    assert report.rank_correlation < 0.9
    assert not report.dropped


def test_the_filling_of_the_last_step_with_the_easiest_rows_is_caught() -> None:
    keeping = {**PLAIN, **drive.KEEPING["transformers"]}
    filled = drive.of_transformers(lengths(), keeping, ranks=4)
    left_out = drive.of_transformers(lengths(), {**keeping, "dataloader_drop_last": True}, ranks=4)

    assert (filled.first_divergence, filled.repeated) == (30, 2)
    assert left_out.dropped == {"2": 2} or sum(left_out.dropped.values()) == 14


def test_trl_keeps_the_order_with_the_settings_of_the_export() -> None:
    report = drive.of_trl(lengths(), {**PLAIN, **drive.KEEPING["trl"]})

    assert report.in_order
    assert not report.truncated


def test_not_shuffling_the_set_is_not_enough_for_trl() -> None:
    assert not drive.of_trl(lengths(), {**PLAIN, "shuffle_dataset": False}).in_order


def test_the_rows_that_trl_cuts_and_drops_are_those_of_the_hard_tier() -> None:
    report = drive.of_trl(lengths(), {**PLAIN, **drive.KEEPING["trl"], "max_length": 8})

    assert set(report.dropped) == {"2"}
    assert report.truncated.keys() == {"0", "1", "2"} - ({"0"} if "0" not in report.truncated else set())
    assert report.first_divergence is not None


@pytest.mark.parametrize(("strategy", "keeps"), [("bfd", False), ("wrapped", True)])
def test_packing_keeps_the_order_only_where_it_does_not_sort(strategy: str, keeps: bool) -> None:
    options = {"max_length": 24, "packing": True, "packing_strategy": strategy}
    report = drive.of_trl(lengths(), {**PLAIN, "train_sampling_strategy": "sequential", **options})

    assert report.in_order == keeps
    assert (report.farthest > 0) == (not keeps)


def test_lightning_keeps_the_order_of_a_loader_that_does_not_shuffle() -> None:
    assert drive.of_lightning(lengths(), drive.KEEPING["lightning"]).in_order


def test_a_loader_that_shuffles_under_lightning_is_caught() -> None:
    assert not drive.of_lightning(lengths(), {"shuffle": True}).in_order


def test_streaming_workers_that_deal_shards_are_caught() -> None:
    assert drive.of_workers(lengths(), shards=1, workers=2).in_order
    assert not drive.of_workers(lengths(), shards=2, workers=2).in_order


def test_split_words_in_file_names_hide_rows_and_ours_have_none(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in ("tier-00", "tier-01", "heldout-test"):
        pq.write_table(pa.table({"x": [1, 2]}), tmp_path / f"{name}.parquet")
    from datasets import load_dataset

    found = load_dataset("parquet", data_dir=str(tmp_path), cache_dir=str(tmp_path / "cache"))

    assert {name: len(rows) for name, rows in found.items()} == {"test": 2}
    assert drive.split_words(["data/heldout-test.parquet", "data/stage-00/part-00000-of-00001.parquet"]) == [
        "data/heldout-test.parquet"
    ]


def test_messages_beside_a_prompt_are_a_matter_of_luck_in_trl_and_are_caught() -> None:
    code = (
        "from trl.data_utils import is_conversational;"
        "print(is_conversational({'messages': [{'role': 'user', 'content': 'a'}], 'prompt': 'b'}))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": str(seed), "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in (0, 2)
    }

    assert said == {"True", "False"}
    assert drive.clashes(["messages", "prompt", "curate_id"]) == ["messages", "prompt"]
    assert drive.clashes(["messages", "tools", "curate_id"]) == []
    assert drive.clashes(["prompt", "completion"]) == []
