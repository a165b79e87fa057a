"""Every CuPy name that the plugin uses exists in the installed CuPy, and takes those arguments."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from importlib.metadata import files
from pathlib import Path

import pytest

import zqcnn_xp.ops.base
import zqcnn_xp_cupy

PLUGIN = sorted(Path(zqcnn_xp_cupy.__file__).parent.glob("*.py"))
OPS = sorted(Path(zqcnn_xp.ops.base.__file__).parent.glob("*.py"))

# What expressions of the plugin are, beyond the module itself.
ALIASES = {
    "self._cuda": "cupy.cuda",
    "self._cupy": "cupy",
    "tools.cupy": "cupy",
    "self.cupy": "cupy",
    "blas": "cupy.cuda.cublas",
    "self.pool": "cupy.cuda.MemoryPool",
    "pool": "cupy.cuda.MemoryPool",
    "self.stream": "cupy.cuda.Stream",
    "caller": "cupy.cuda.Stream",
    "self.scope.device": "cupy.cuda.Device",
}


@pytest.fixture(scope="module")
def cupy():
    return pytest.importorskip("cupy", reason="CuPy absent: pip install cupy-cuda12x")


def dotted(node: ast.AST) -> str | None:
    """Return ``a.b.c`` for such an expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return None if base is None else f"{base}.{node.attr}"
    return None


def resolve(name: str) -> str | None:
    """Spell an expression as a name below ``cupy``, if it is one."""
    for alias, target in sorted(ALIASES.items(), key=lambda item: -len(item[0])):
        if name.startswith(f"{alias}."):
            return target + name[len(alias) :]
    return name if name.startswith("cupy.") else None


def uses() -> list[tuple[str, ast.Call | None, str]]:
    """Return (name, the call or None, place) of every use."""
    found = []
    for path in PLUGIN:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            name = dotted(node) if isinstance(node, ast.Attribute) else None
            target = resolve(name) if name else None
            if target:
                found.append((target, calls.get(id(node)), f"{path.name}:{node.lineno}"))
    return found


USES = uses()


def test_the_walk_finds_the_uses():
    names = {name for name, _, _ in USES}
    for known in ("cupy.RawKernel", "cupy.cuda.cublas.sgemm", "cupy.cuda.Stream.wait_event",
                  "cupy.cuda.MemoryPool.set_limit", "cupy.from_dlpack"):  # fmt: skip
        assert known in names


def cublas_documentation() -> str:
    """Text of CuPy's cuBLAS module: it cannot be imported where cuBLAS itself is absent."""
    paths = [
        path
        for package in ("cupy-cuda12x", "cupy-cuda13x", "cupy")
        for path in _files(package)
        if re.search(r"cuda/libs/cublas\..*(so|pyd)$", str(path))
    ]
    assert paths, "the installed CuPy has no cuBLAS module"
    return Path(paths[0].locate()).read_bytes().decode("latin-1")


def _files(package: str):
    try:
        return files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def signature(owner: object, name: str) -> inspect.Signature | None:
    """Return what inspection, or the first line of a Cython docstring, says."""
    try:
        return inspect.signature(owner)
    except (TypeError, ValueError):
        return from_text(name, inspect.getdoc(owner) or "")


def from_text(name: str, text: str) -> inspect.Signature | None:
    """Read a signature out of text such as ``sgemm(intptr_t handle, int transa, ...)``."""
    found = re.search(rf"\b{name}\(((?:[^()]|\([^()]*\))*)\)", text)
    if found is None:
        return None
    parameters, kind = [], inspect.Parameter.POSITIONAL_OR_KEYWORD
    for part in filter(None, (part.strip() for part in found.group(1).split(","))):
        if part == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        declared, _, default = part.partition("=")
        label = declared.split()[-1]
        if label == "self":
            continue
        if label.startswith("**"):
            parameters.append(inspect.Parameter(label[2:], inspect.Parameter.VAR_KEYWORD))
            continue
        default = default.strip() if default else inspect.Parameter.empty
        parameters.append(inspect.Parameter(label, kind, default=default))
    return inspect.Signature(parameters)


def documented(owner: type, attribute: str) -> bool:
    """Say whether a class documents an attribute of its instances."""
    listed = re.search(r"Attributes:(.*)", owner.__doc__ or "", re.DOTALL)
    return listed is not None and re.search(rf"\.{attribute}\b", listed.group(1)) is not None


@pytest.mark.parametrize(("name", "call", "place"), USES, ids=[f"{n}-{p}" for n, _, p in USES])
def test_a_name_exists_and_takes_these_arguments(cupy, name, call, place):
    parts = name.split(".")
    if parts[:3] == ["cupy", "cuda", "cublas"]:
        text = cublas_documentation()
        if len(parts) == 3:
            return
        assert parts[3] in text
        if call is None:
            return
        found = from_text(parts[3], text)
    else:
        owner, parent = cupy, None
        for part in parts[1:]:
            if inspect.isdatadescriptor(owner) or isinstance(owner, property):
                return  # an attribute of an attribute of an instance: its type is not known here
            if inspect.isclass(owner) and documented(owner, part):
                return  # set by the constructor: the class itself does not have it
            if not hasattr(owner, part):
                pytest.fail(f"{place}: {name} does not exist in CuPy {cupy.__version__}")
            parent, owner = owner, getattr(owner, part)
        if call is None:
            return
        found = signature(owner, parts[-1])
        if found is not None and inspect.isclass(parent):
            first = next(iter(found.parameters), None)
            if first == "self":
                found = found.replace(parameters=list(found.parameters.values())[1:])
    assert found is not None, f"{place}: no signature is known for {name}"
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return
    keywords = {keyword.arg: None for keyword in call.keywords if keyword.arg}
    try:
        found.bind(*call.args, **keywords)
    except TypeError as error:
        pytest.fail(f"{place}: {name}{found}: {error}")


def test_arrays_and_kernels_have_the_attributes_in_use(cupy):
    for name in ("data", "device", "dtype", "flags", "copy", "size", "shape", "get"):
        assert hasattr(cupy.ndarray, name)
    assert hasattr(cupy.cuda.MemoryPointer, "ptr")
    assert documented(cupy.cuda.Stream, "ptr")
    assert not documented(cupy.cuda.Stream, "no_such_attribute")
    assert hasattr(cupy.cuda.Device, "id")
    launch = from_text("RawKernel.__call__", inspect.getdoc(cupy.RawKernel.__call__) or "")
    assert launch is not None
    launch.bind((1,), (256,), ())


def test_an_absent_name_and_a_wrong_call_are_found(cupy):
    wrong = ast.parse("f(1, 2, 3, 4)", mode="eval").body
    assert not hasattr(cupy, "no_such_name")
    with pytest.raises(TypeError):
        signature(cupy.ascontiguousarray, "ascontiguousarray").bind(*wrong.args)


def namespace_uses() -> set[str]:
    """Return the functions of ``xp`` that the references of the ops call."""
    found = set()
    for path in OPS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = dotted(node) if isinstance(node, ast.Attribute) else None
            if name and name.startswith("xp."):
                found.add(name[3:])
    return found


def test_the_references_find_their_functions(cupy):
    xp = importlib.import_module("array_api_compat.cupy")
    names = namespace_uses()
    assert {"where", "matmul", "concat"} <= names
    missing = [name for name in sorted(names) if not _has(xp, name)]
    assert missing == []


def _has(owner: object, name: str) -> bool:
    for part in name.split("."):
        if not hasattr(owner, part):
            return False
        owner = getattr(owner, part)
    return True
