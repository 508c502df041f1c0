"""run_notebook.py NOTEBOOK: executes its code cells in order, as a kernel would, and refuses kept outputs.

Exit status 77, with the reason printed, where a package that it imports is absent."""
import ast
import importlib.util
import json
import sys


def imported(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module


def main(path):
    with open(path) as file:
        cells = json.load(file)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for cell in code:
        if cell["outputs"] or cell["execution_count"] is not None:
            sys.exit(f"{path}: outputs are kept; clear them")
    sources = ["".join(cell["source"]) for cell in code]
    for source in sources:
        for name in imported(source):
            if importlib.util.find_spec(name.split(".")[0]) is None:
                print(f"skipped: {path}: no package {name}")
                sys.exit(77)
    names = {"__name__": "__main__"}
    for number, source in enumerate(sources, 1):
        exec(compile(source, f"{path}, code cell {number}", "exec"), names)
    print(f"{path}: {len(sources)} code cells")


main(sys.argv[1])
