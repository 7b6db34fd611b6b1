"""The folder: written whole, never over another's files; the runtime: found or told how to get."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from selfrec.errors import TargetError
from selfrec.model_folder.reading import Model
from selfrec.web import folder as web_folder
from selfrec.web.folder import OtherGraph, write_page
from selfrec.web.items import labels
from selfrec.web.runtime import Runtime, find_runtime
from tests.scoring.shops import leftovers, next_item_model
from tests.web.models import HOSTILE, drawn_model, names

FILES = {
    "README.txt", "combobox.js", "icon.svg", "index.html", "items.json", "loading.js", "model.onnx",
    "onnxruntime-web.js", "onnxruntime-web.wasm", "page.css", "page.js", "recommender.js", "search.js", "served.js",
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return drawn_model(tmp_path / "model", names(40))


@pytest.fixture
def npm(tmp_path: Path) -> Path:
    """A folder with the two files as an npm install leaves them; their content is not run here."""
    dist = tmp_path / "npm" / "node_modules" / "onnxruntime-web" / "dist"
    dist.mkdir(parents=True)
    (dist / "ort.wasm.bundle.min.mjs").write_text("/*!\n * ONNX Runtime Web v9.8.7-dev.1\n */\n")
    (dist / "ort-wasm-simd-threaded.wasm").write_bytes(b"\0asm\1\0\0\0")
    return tmp_path / "npm"


@pytest.fixture
def files(npm: Path) -> Runtime:
    return find_runtime(npm)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestFolder:
    def test_holds_all_the_page_needs(self, model: Model, files: Runtime, tmp_path: Path) -> None:
        page = write_page(model, tmp_path / "page", files)
        found = content(tmp_path / "page")
        assert set(found) == FILES
        assert page.total_bytes == sum(map(len, found.values()))
        assert found["model.onnx"] == (model.path / "model.onnx").read_bytes()
        assert len(found["README.txt"].decode().splitlines()) == 3
        assert b"onnxruntime-web 9.8.7-dev.1" in found["README.txt"]

    def test_again_gives_the_same_bytes_in_the_old_ones_place(
        self, model: Model, files: Runtime, tmp_path: Path
    ) -> None:
        write_page(model, tmp_path / "page", files)
        first = content(tmp_path / "page")
        write_page(model, tmp_path / "page", files)
        assert content(tmp_path / "page") == first
        assert leftovers(tmp_path) == []

    def test_a_failure_leaves_the_old_page(self, model: Model, files: Runtime, tmp_path: Path) -> None:
        write_page(model, tmp_path / "page", files)
        before = content(tmp_path / "page")
        files.wasm.unlink()
        with pytest.raises(TargetError, match="cannot be written"):
            write_page(model, tmp_path / "page", files)
        assert content(tmp_path / "page") == before
        assert leftovers(tmp_path) == []

    @pytest.mark.parametrize(
        ("name", "said"),
        [("notes.txt", "holds other files and no page"), ("index.html", "holds other files and no page")],
    )
    def test_refuses_what_is_not_its_own(
        self, model: Model, files: Runtime, tmp_path: Path, name: str, said: str
    ) -> None:
        (tmp_path / "page").mkdir()
        (tmp_path / "page" / name).write_text("mine")
        with pytest.raises(TargetError, match=said):
            write_page(model, tmp_path / "page", files)
        assert content(tmp_path / "page") == {name: b"mine"}

    def test_refuses_a_page_to_which_files_were_added(self, model: Model, files: Runtime, tmp_path: Path) -> None:
        write_page(model, tmp_path / "page", files)
        (tmp_path / "page" / "CNAME").write_text("shop.example")
        with pytest.raises(TargetError, match="holds 'CNAME', which no page has"):
            write_page(model, tmp_path / "page", files)
        assert (tmp_path / "page" / "CNAME").read_text() == "shop.example"

    def test_refuses_the_model_itself_and_files(self, model: Model, files: Runtime, tmp_path: Path) -> None:
        with pytest.raises(TargetError, match="is in the model folder"):
            write_page(model, model.path, files)
        (tmp_path / "file").touch()
        with pytest.raises(TargetError, match="a file of this name is in the way"):
            write_page(model, tmp_path / "file", files)

    def test_an_empty_folder_and_missing_parents_are_fine(self, model: Model, files: Runtime, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        write_page(model, tmp_path / "empty", files)
        write_page(model, tmp_path / "a" / "b", files)
        assert set(content(tmp_path / "a" / "b")) == set(content(tmp_path / "empty")) == FILES

    def test_refuses_a_model_beyond_a_browser(
        self, model: Model, files: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(web_folder, "MAX_GRAPH", 1_000)
        with pytest.raises(TargetError, match=r"MB of weights, a page in a browser takes at most"):
            write_page(model, tmp_path / "page", files)
        assert not (tmp_path / "page").exists()


class TestSources:
    def test_the_policy_allows_this_folder_alone(self) -> None:
        text = (web_folder.PAGE / "index.html").read_text(encoding="utf-8")
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
        assert policy is not None
        rules = dict(rule.split(" ", 1) for rule in policy.group(1).split("; "))
        assert rules.pop("script-src") == "'self' 'wasm-unsafe-eval'"
        assert set(rules.values()) == {"'none'", "'self'"}
        assert (rules["default-src"], rules["connect-src"]) == ("'none'", "'self'")
        assert text.index("Content-Security-Policy") < text.index("<link")

    @pytest.mark.parametrize("path", sorted(web_folder.PAGE.iterdir()), ids=lambda path: path.name)
    def test_no_inline_handlers_no_html_from_text_no_address_outside(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"\son[a-z]+\s*=\s*[\"']|<script>|\sstyle=", text) == []
        assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []
        outside = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", re.sub(r"^\s*//.*$", "", text, flags=re.M))
        assert [address for address in outside if not address.startswith("http://www.w3.org/2000/svg")] == []


class TestItems:
    def test_names_are_those_of_the_catalog(self, tmp_path: Path) -> None:
        titles = ["Lamp", None, "", "  ", *HOSTILE]
        departments = ["Home", "Garden", None, "Garden", *HOSTILE]
        catalog = drawn_model(tmp_path / "model", titles, top_k=4, departments=departments).catalog
        found, details = labels(catalog)
        assert found == [catalog.name(number) for number in range(len(catalog))]
        assert found[:4] == ["Lamp", "Garden", "1002", "  "]
        assert details[:4] == ["Home", "", "", "Garden"]

    def test_text_in_any_arrow_type(self, tmp_path: Path) -> None:
        from selfrec.catalog import Catalog

        base = {"item_number": pa.array([0], pa.int32()), "item_id": ["a"], "popularity": pa.array([1.0], pa.float32())}
        text = pa.array(["Lamp"])
        for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
            catalog = Catalog(pa.table(base | {"price": [1.5], "title": text.cast(kind)}))
            assert labels(catalog) == ([catalog.name(0)], [""]) == (["Lamp"], [""])

    def test_content(self, model: Model, files: Runtime, tmp_path: Path) -> None:
        values = items_of(model, files, tmp_path)
        assert (values["items"], values["max_history"]) == (40, 200)
        assert (values["ages"], values["user_features"], values["runtime_bytes"]) == (False, 0, 8)
        assert values["graph"] == {"bytes": (model.path / "model.onnx").stat().st_size, "sha256": model.sha256}
        assert values["ids"][:2] == ["1000", "1001"]
        assert values["names"][:2] == ["Red kettle 0", "Green kettle 1"]
        assert values["details"] is None
        assert values["popularity"][:2] == [40, 39]

    def test_ids_stand_once_where_they_are_the_names(self, files: Runtime, tmp_path: Path) -> None:
        big = pa.array([2**63 - 1 - n for n in range(6)], pa.int64())
        values = items_of(next_item_model(tmp_path / "model", item_ids=big), files, tmp_path)
        assert values["names"][0] == "9223372036854775807"
        assert values["ids"] is None

    def test_a_graph_that_asks_more(self, files: Runtime, tmp_path: Path) -> None:
        values = items_of(drawn_model(tmp_path / "model", names(40), asks_more=True), files, tmp_path)
        assert (values["ages"], values["user_features"]) == (True, 3)

    def test_another_graph_of_the_model(self, model: Model, files: Runtime, tmp_path: Path) -> None:
        small = drawn_model(tmp_path / "small", names(12), top_k=5)
        content = (small.path / "model.onnx").read_bytes()
        page = write_page(model, tmp_path / "page", files, OtherGraph(content, small.surface, small.catalog))
        assert (page.folder / "model.onnx").read_bytes() == content
        assert page.graph_bytes == len(content)
        values = json.loads((page.folder / "items.json").read_bytes())
        assert (values["items"], len(values["names"])) == (12, 12)
        assert values["graph"] == {"bytes": len(content), "sha256": small.sha256}
        assert "from 12 items" in (page.folder / "README.txt").read_text()


def items_of(model: Model, files: Runtime, folder: Path) -> dict[str, Any]:
    write_page(model, folder / "page", files)
    values: dict[str, Any] = json.loads((folder / "page" / "items.json").read_bytes())
    return values


class TestRuntime:
    @pytest.mark.parametrize(
        "part", ["", "node_modules", "node_modules/onnxruntime-web", "node_modules/onnxruntime-web/dist"]
    )
    def test_a_given_folder(self, npm: Path, part: str) -> None:
        found = find_runtime(npm / part)
        assert found.version == "9.8.7-dev.1"
        assert found.script.parent == found.wasm.parent == npm / "node_modules" / "onnxruntime-web" / "dist"

    def test_the_install_of_a_folder_above(self, npm: Path) -> None:
        (npm / "a" / "b").mkdir(parents=True)
        assert find_runtime(start=npm / "a" / "b") == find_runtime(npm)

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(TargetError, match=r"in no node_modules.*run `npm install onnxruntime-web` here, or name"):
            find_runtime(start=tmp_path)
        with pytest.raises(TargetError, match=r"holds no onnxruntime-web .*--runtime"):
            find_runtime(tmp_path)

    def test_other_files_of_these_names(self, npm: Path) -> None:
        dist = npm / "node_modules" / "onnxruntime-web" / "dist"
        (dist / "ort-wasm-simd-threaded.wasm").write_bytes(b"<html>")
        with pytest.raises(TargetError, match="are not those of onnxruntime-web"):
            find_runtime(npm)


def test_a_model_without_names_is_shown_by_its_ids(tmp_path: Path) -> None:
    assert labels(next_item_model(tmp_path / "model").catalog)[0] == ["100", "101", "102", "103", "104", "105"]
