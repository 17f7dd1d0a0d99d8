"""What others make of a dataset: the Hub's card, Croissant's library, and every loader that people use, in order."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from curate import Run
from curate.write import croissant
from tests.pipeline_runs import recipe, rows

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib.*"),
    pytest.mark.filterwarnings("ignore:.*inplace keyword:Warning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def _chats(count: int) -> list[dict[str, Any]]:
    """Chats with columns of several types, some of them empty in places."""
    return [
        {
            "messages": [
                {"role": "user", "content": row["instruction"]},
                {"role": "assistant", "content": row["output"]},
            ],
            "skill": row["skill"],
            "author": row["author"],
            "level": number % 4,
            "share": number / 7 if number % 3 else None,
            "checked": number % 2 == 0,
            "words": str(row["output"]).split()[: number % 3],
            "origin": {"page": number, "book": "Ä b"},
        }
        for number, row in enumerate(rows(count))
    ]


KEPT = ["skill", "level", "share", "checked", "words", "origin"]
ABOUT = {
    "name": 'Lessons: "ä", for all', "license": "apache-2.0", "language": "en,de", "creator": "Anna",
    "date": "2026-01-02",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("cards")
    source = folder / "lessons ä.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in _chats(60)), encoding="utf-8")
    made = Run(folder / "run")
    write = {"keep": KEPT, "shard_rows": 20, **ABOUT}
    made.build(recipe(source, write=write, sources=[{"path": str(source), "license": "cc0-1.0"}]))
    return made


@pytest.fixture(scope="module")
def dataset(run: Run) -> str:
    return f"{run.folder}/dataset"


@pytest.fixture(scope="module")
def order(run: Run) -> list[str]:
    """The ids in training order, as the plan has them."""
    ids: list[str] = pq.read_table(f"{run.folder}/order.parquet").sort_by("order").column("id").to_pylist()
    return ids


# --- Croissant ---


@pytest.fixture(scope="module")
def described(dataset: str) -> Any:  # noqa: ANN401 - the library is untyped
    import mlcroissant

    return mlcroissant.Dataset(f"{dataset}/croissant.json")


def test_the_library_finds_nothing_wrong(described: Any) -> None:  # noqa: ANN401
    assert described.metadata.ctx.issues.errors == set()
    assert [line for line in described.metadata.ctx.issues.warnings if "citeAs" not in line] == []
    assert described.metadata.ctx.is_v1_1()


def test_the_library_iterates_all_rows_in_training_order(described: Any, order: list[str]) -> None:  # noqa: ANN401
    once, twice = list(described.records("ordered")), list(described.records("ordered"))

    assert [row["ordered/curate_id"].decode() for row in once] == order
    assert once == twice


def test_the_library_sees_every_value_that_the_shards_hold(described: Any, dataset: str) -> None:  # noqa: ANN401
    table = pyarrow.dataset.dataset(f"{dataset}/data/stage-01", format="parquet").to_table().to_pylist()
    by_place = {row["ordered/curate_order"]: row for row in described.records("ordered")}

    for row in table:
        found = by_place[row["curate_order"]]
        turns = [
            {name.rsplit("/")[-1]: value.decode() for name, value in turn.items()} for turn in found["ordered/messages"]
        ]
        assert turns == row["messages"]
        assert json.loads(found["ordered/origin"]) == json.loads(row["origin"])
        assert [word.decode() for word in found["ordered/words"]] == row["words"]
        assert (found["ordered/level"], found["ordered/share"], found["ordered/checked"]) == (
            row["level"], row["share"], row["checked"],
        )  # fmt: skip


def test_stages_and_the_hold_out_are_splits(dataset: str) -> None:
    import mlcroissant

    path = f"{dataset}/croissant.json"
    every = list(mlcroissant.Dataset(path).records("by-split"))
    stage = list(mlcroissant.Dataset(path).records("by-split", filters={"by-split/split": "stage-01"}))
    held = list(mlcroissant.Dataset(path).records("holdout"))

    names = [row["by-split/split"].decode() for row in every]
    assert names == sorted(names)
    assert {name for name in names if name != "holdout"} == {"stage-00", "stage-01", "stage-02"}
    assert names.count("holdout") == len(held) > 0
    assert len(stage) == names.count("stage-01")
    assert {row["by-split/curate_stage"] for row in stage} == {1}
    assert {row["holdout/curate_order"] for row in held} == {None}
    assert list(mlcroissant.Dataset(path).records("splits"))[-1] == {
        "splits/name": "holdout", "splits/url": "cr:TestSplit",
    }  # fmt: skip


def test_every_file_has_its_hash_and_lineage_names_what_came_in(run: Run, dataset: str) -> None:
    from pathlib import Path

    told = orjson.loads(Path(dataset, "croissant.json").read_bytes())
    folder = Path(dataset)

    files = [each for each in told["distribution"] if each["@type"] == "cr:FileObject"]
    held = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {each["@id"] for each in files} == held - {"croissant.json", "manifest.json"}
    assert [sha256((folder / each["contentUrl"]).read_bytes()).hexdigest() for each in files] == [
        each["sha256"] for each in files
    ]
    (source,) = told["prov:wasDerivedFrom"]
    assert (source["name"], source["license"], source["description"]) == ("lessons ä.jsonl", "cc0-1.0", "60 rows")
    assert source["sha256"] == sha256((Path(run.folder).parent / source["name"]).read_bytes()).hexdigest()
    assert told["rai:machineAnnotationTools"] == ["length 1", "letters 1"]
    assert any("Shares of rows by skill" in line for line in told["rai:dataBiases"])
    assert any("no benchmark was named" in line for line in told["rai:dataLimitations"])
    assert "tmp" not in json.dumps(told)


def test_verify_counts_the_description_among_the_files(run: Run, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    path = copy / "dataset" / "croissant.json"
    path.write_bytes(path.read_bytes().replace(b"cr:TestSplit", b"cr:TrainSplit"))

    failed = [check for check in Run(copy).verify().checks if not check.holds]

    assert [check.figures.split(";")[0] for check in failed] == ["dataset/croissant.json is altered"]


def test_the_edition_before_is_the_first_of_the_lineage(run: Run, tmp_path: Path) -> None:
    from pathlib import Path

    next_one = Run(tmp_path / "second")
    source = run.recipe.sources[0].path
    write = {"keep": KEPT, "parent": run.folder}

    next_one.build(recipe(Path(source), write=write))

    told = orjson.loads(Path(next_one.folder, "dataset", "croissant.json").read_bytes())
    before = told["prov:wasDerivedFrom"][0]
    manifest = Path(run.folder, "dataset", "manifest.json").read_bytes()
    assert before["@type"] == ["prov:Entity", "prov:Revision"]
    assert (before["name"], before["sha256"]) == ("run", sha256(manifest).hexdigest())


def test_a_column_that_croissant_has_no_word_for_is_left_out() -> None:
    kind = pa.map_(pa.string(), pa.int64())

    assert croissant._field("ordered/odd", "odd", kind, "training-files") is None
    assert croissant._field("ordered/odd", "odd", pa.struct([("a", kind)]), "training-files") is None


# --- the Hub's card ---


def test_the_hubs_library_reads_the_card(dataset: str) -> None:
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(f"{dataset}/README.md")

    assert card.data.license == "apache-2.0"
    assert card.data.language == ["en", "de"]
    assert card.data.pretty_name == ABOUT["name"]
    assert card.data.size_categories == ["n<1K"]
    assert card.data.task_categories == ["text-generation"]
    assert card.data.to_dict()["configs"][0]["config_name"] == "ordered"
    assert card.text.lstrip().startswith("# Lessons:")
    assert "`croissant.json` files, columns" in card.text


def test_the_hubs_metadata_are_of_the_kinds_that_it_takes(dataset: str) -> None:
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(f"{dataset}/README.md").data
    configs = MetadataConfigs.from_dataset_card_data(card)

    assert list(configs) == ["ordered", "stage-00", "stage-01", "stage-02", "holdout"]
    assert configs.get_default_config_name() == "ordered"
    assert [split for name in configs for split in {file["split"] for file in configs[name]["data_files"]}] == (
        ["train"] * 4 + ["test"]
    )


def test_all_file_names_can_be_uploaded(dataset: str) -> None:
    from pathlib import Path

    names = [str(path.relative_to(dataset)) for path in Path(dataset).rglob("*") if path.is_file()]

    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9._/-]+", name)] == []
    assert "croissant.json" in names


# --- loaders ---


def _files(dataset: str) -> list[str]:
    from huggingface_hub import DatasetCard

    (config,) = [
        each for each in DatasetCard.load(f"{dataset}/README.md").data.to_dict()["configs"] if each.get("default")
    ]
    return [f"{dataset}/{path}" for path in config["data_files"][0]["path"]]


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_it_in_order(dataset: str, order: list[str], tmp_path: Path, *, streaming: bool) -> None:
    import datasets

    loaded = datasets.load_dataset(dataset, "ordered", split="train", streaming=streaming, cache_dir=str(tmp_path))

    found = [row["curate_id"] for row in loaded]
    assert found == order


def test_polars_pandas_and_pyarrow_load_it_in_order(dataset: str, order: list[str]) -> None:
    import pandas as pd

    glob = f"{dataset}/data/stage-*/*.parquet"

    assert pl.scan_parquet(glob).select("curate_id").collect()["curate_id"].to_list() == order
    assert pd.concat(pd.read_parquet(path) for path in _files(dataset))["curate_id"].tolist() == order
    table = pyarrow.dataset.dataset(_files(dataset), format="parquet").to_table(columns=["curate_id"])
    assert table.column("curate_id").to_pylist() == order


def test_duckdb_loads_it_in_order(dataset: str, order: list[str]) -> None:
    import duckdb

    found = duckdb.connect().execute(f"SELECT curate_id FROM '{dataset}/data/stage-*/*.parquet'").fetchall()

    assert [name for (name,) in found] == order
