"""`emperorctl schema` against the decoder's own fixtures: editors and CI pipelines must not refuse what the emperor takes,
and refuse what they can see is wrong."""
import json
import pathlib
import subprocess

import pytest

yaml = pytest.importorskip("yaml", reason="python3-yaml is not installed")
jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

FIXTURES = pathlib.Path(__file__).parent.parent / "conformance" / "config"

# What no schema can judge: the text before it is a document, the variables, the machine.
BEYOND_A_SCHEMA = {
    "alias_text_bomb": "size after aliases",
    "bad_networks": "grammar of networks",
    "control_in_text": "control characters",
    "defaults_syntax": "the error is in _defaults.yaml",
    "duplicate_key": "lost by the YAML parser",
    "socket_name_too_long": "bytes, after {name} is filled in",
    "socket_path_too_long": "bytes, after {name} is filled in",
    "unknown_variable": "the emperor's environment",
    "utf16": "encoding",
    "variable_forms": "inside of a text",
}
NEEDS_DEFAULTS = {"defaults_with_app": "`app` comes from _defaults.yaml"}


@pytest.fixture(scope="module")
def validator(binaries):
    done = subprocess.run([binaries / "emperorctl", "schema"], capture_output=True, text=True, check=True)
    schema = json.loads(done.stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def names(folder):
    found = sorted(path.stem for path in (FIXTURES / folder).glob("*.yaml"))
    assert len(found) > 20, "where are the fixtures?"
    return found


def findings(validator, folder, name):
    """What is wrong with a fixture; a file that is not YAML is wrong too."""
    try:
        document = yaml.safe_load((FIXTURES / folder / f"{name}.yaml").read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        return [f"not YAML: {error}"]
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_what_the_decoder_takes_passes_the_schema(validator):
    refused = {name: found for name in names("valid") if (found := findings(validator, "valid", name))}
    assert refused.keys() == NEEDS_DEFAULTS.keys(), refused


def test_what_the_decoder_refuses_fails_the_schema_where_it_can_know(validator):
    passed = {name for name in names("invalid") if not findings(validator, "invalid", name)}
    assert passed == BEYOND_A_SCHEMA.keys()


def test_the_demo_passes_the_schema(validator, source):
    for path in (source / "configs" / "apps.d").glob("[!_]*.yaml"):
        assert not list(validator.iter_errors(yaml.safe_load(path.read_text()))), path
