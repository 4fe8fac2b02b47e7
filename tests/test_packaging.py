import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import hela_seg

ROOT = Path(__file__).parents[1]
TEST_LINE = 'pip install -e ".[test]" && pytest'


def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements():
    project = pyproject()["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [requirement for group in groups for requirement in group]


@pytest.mark.parametrize("requirement", requirements())
def test_every_dependency_has_a_floor(requirement):
    found = Requirement(requirement)
    assert found.name == "hela-seg" or any(bound.operator == ">=" for bound in found.specifier)


def test_wheel_takes_the_configs_along():
    targets = pyproject()["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["force-include"]["conf"] == "hela_seg/conf"
    assert "/conf" in targets["sdist"]["include"]


def test_napari_finds_a_manifest_where_the_entry_point_says():
    module, _, file = pyproject()["project"]["entry-points"]["napari.manifest"]["hela-seg"].partition(":")
    assert (ROOT / module.replace(".", "/") / file).is_file()


def test_importing_the_package_imports_nothing_that_takes_long_or_that_an_extra_brings():
    code = "import sys; known = {*sys.modules}; import hela_seg; print(*{*sys.modules} - known)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"napari", "qtpy", "dask", "pandas", "torch", "numpy", "importlib.metadata"} & set(
        found.split()
    ) == set()


def test_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == hela_seg.__version__
    assert citation["preferred-citation"]["doi"] == "10.3390/sym16020227"


def test_the_conda_recipe_has_this_version_and_every_dependency():
    text = (ROOT / ".github/conda/recipe.yaml").read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    called = {"torch": "pytorch", "opencv-python-headless": "py-opencv", "matplotlib": "matplotlib-base"}
    needed = [Requirement(line) for line in pyproject()["project"]["dependencies"]]
    assert recipe["context"]["version"] == hela_seg.__version__
    given = {line.split()[0]: line.partition(" ")[2] for line in recipe["requirements"]["run"]}
    assert given.pop("python") == pyproject()["project"]["requires-python"]
    assert set(given) == {called.get(one.name, one.name) for one in needed}
    for one in needed:
        if one.name != "opencv-python-headless":  # whose builds have numbers of their own
            assert Requirement(f"x{given[called.get(one.name, one.name)]}").specifier == one.specifier


def test_the_container_ends_as_a_user_without_rights():
    lines = (ROOT / ".github/docker/Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER hela"]
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
    assert all((ROOT / name).exists() for names in copied for name in names)


@pytest.mark.parametrize("path", sorted((ROOT / ".github").glob("*/*.yml")), ids=lambda path: path.stem)
def test_workflows_and_issue_forms_are_yaml(path):
    assert {"name"} <= yaml.safe_load(path.read_text(encoding="utf-8")).keys()


def test_changelog_has_this_version():
    assert f"## [{hela_seg.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_license_is_mit_everywhere():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("MIT License\n\nCopyright (c) 2026 the hela_seg developers\n")
    assert "Permission is hereby granted, free of charge" in text
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert pyproject()["project"]["license"] == citation["license"] == "MIT"


def test_ci_runs_the_test_line_of_the_readme():
    install, test = TEST_LINE.split(" && ")
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert TEST_LINE in (ROOT / "README.md").read_text(encoding="utf-8")
    assert install in lines
    assert lines[-1] == test


def run(*command, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip(
        "hatchling", reason="builds without a network need hatchling: pip install -e '.[test]'"
    )
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """Folder of the programs in an environment that has the wheel, and else what is installed here."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    programs = folder / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python")]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    # Paths in a .pth are searched after the environment's own, and .pth files in them are not read: a tree
    # that is installed here in editable mode stays out of sight.
    site_packages = next(folder.glob("lib/python*/site-packages"))
    (site_packages / "installed_here.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return programs


@pytest.mark.slow
def test_wheel_holds_every_config_and_nothing_of_tests_and_outputs(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    configs = {f"hela_seg/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert {
        "hela_seg/conf/train.yaml",
        "hela_seg/conf/evaluate.yaml",
        "hela_seg/conf/predict.yaml",
    } <= configs
    assert configs <= inside
    assert {name.split("/")[0] for name in inside} == {
        "hela_seg",
        f"hela_seg-{hela_seg.__version__}.dist-info",
    }
    assert f"hela_seg-{hela_seg.__version__}.dist-info/licenses/LICENSE" in inside


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "setting"), [("train", "model"), ("evaluate", "ckpt"), ("predict", "output")]
)
def test_installed_commands_find_their_configs_from_any_folder(programs, command, setting, tmp_path):
    script = run(programs / "hela-seg", command, "--help", cwd=tmp_path)
    module = run(programs / "python", "-m", f"hela_seg.{command}", "--help", cwd=tmp_path)
    assert (script.returncode, script.stderr) == (0, "")
    assert (module.returncode, module.stderr) == (0, "")
    assert setting in script.stdout
    assert setting in module.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_runs_is_the_wheel(programs, tmp_path):
    found = run(programs / "python", "-c", "import hela_seg; print(hela_seg.__file__)", cwd=tmp_path)
    assert Path(found.stdout.strip()).is_relative_to(programs.parent)


@pytest.mark.slow
def test_the_wheel_trains_evaluates_and_predicts_from_any_folder(programs, tmp_path):
    small = ["model.width=4", "data.tile=[32,32]", "data.steps_per_epoch=2", "trainer.max_epochs=1"]
    drawing = "data.drawing={series: 3, frames: 1, height: 64, width: 64, seed: 0}"
    train = run(programs / "hela-seg", "train", drawing, *small, "hydra.run.dir=run", cwd=tmp_path)
    assert train.returncode == 0, train.stderr
    assert "Test scores" in train.stdout
    checkpoint = "run/checkpoints/best.ckpt"
    evaluate = run(programs / "python", "-m", "hela_seg.evaluate", checkpoint, cwd=tmp_path)
    assert evaluate.returncode == 0, evaluate.stderr
    images = next(tmp_path.glob("outputs/synthetic/*/images"))
    predict = run(programs / "hela-seg", "predict", checkpoint, str(images), "-o", "out", cwd=tmp_path)
    assert predict.returncode == 0, predict.stderr
    assert len(list((tmp_path / "out").glob("*.labels.ome.tif"))) == 3
