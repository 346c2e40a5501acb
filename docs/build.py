"""The reference of `rugpt_core` as HTML, in docs/ or in a folder that is given: every public function with its
parameters' comments. `make docs` runs this."""
import importlib
import inspect
import pkgutil
import shutil
import sys
from pathlib import Path

import pdoc
from fastcore.docments import docments

import rugpt_core

HERE = Path(__file__).resolve().parent


def parameters(thing):
    """The comments behind the parameters of a function or a class, as a list in Markdown; empty where there are
    none."""
    try:
        found = docments(thing, full=True)
    # no signature, or no source: a type alias, a class of the standard library
    except (ValueError, TypeError, OSError):
        return ""
    lines = [f"- `{'returns' if name == 'return' else name}`: {about['docment']}"
             for name, about in found.items() if about.get("docment")]
    return "\n\n" + "\n".join(lines) if lines else ""


def describe(thing, own=True):
    """Append the parameters' comments to a docstring. One that is empty gets a blank one, else pdoc shows that of
    another library's class that is inherited from."""
    thing.__doc__ = (thing.__doc__ or "<!-- -->") + (parameters(thing) if own else "")


def annotate(module):
    """Put the comments of a module's parameters into its docstrings, where pdoc finds them."""
    for thing in [v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__]:
        if inspect.isfunction(thing):
            describe(thing)
        elif inspect.isclass(thing):
            describe(thing, "__init__" in vars(thing))
            for name, method in vars(thing).items():
                function = getattr(method, "__func__", method)
                if inspect.isfunction(function) and not name.startswith("_"):
                    describe(function)


def show_modules(package, names):
    """Let pdoc look at the modules of a package: it goes by `__all__`, and that is the public face. What the face
    offers stands above them, each name a link to where it is documented."""
    face = sorted(getattr(package, "__all__", []))
    public = [(name, getattr(package, name)) for name in face]
    places = [f"- `{getattr(v, '__module__', package.__name__)}.{name}`" for name, v in public]
    package.__doc__ = (package.__doc__ or "") + ("\n\nPublic names:\n\n" + "\n".join(places) if places else "")
    below = f"{package.__name__}."
    package.__all__ = [n.removeprefix(below) for n in names if n.startswith(below) and "." not in n.removeprefix(below)]


def list_names(root, names):
    """On the first page a line for every module with its public names, each a link: the browser finds what pdoc's own
    search, 9 MB of it, would."""
    modules = [(n, n.replace(".", "/"), getattr(sys.modules[n], "__all__", [])) for n in names
               if not hasattr(sys.modules[n], "__path__")]
    lines = [f"- `{n}`: " + ", ".join(f"[{x}]({page}.html#{x})" for x in public)
             for n, page, public in modules if public]
    root.__doc__ = (root.__doc__ or "") + "\n\nAll names:\n\n" + "\n".join(lines)


def main(out=HERE):
    """Write the pages anew."""
    found = [m.name for m in pkgutil.walk_packages(rugpt_core.__path__, "rugpt_core.")]
    names = [n for n in found if not n.endswith(("_modidx", "__main__"))]
    for name in names:
        annotate(importlib.import_module(name))
    for package in [sys.modules[n] for n in ["rugpt_core", *names] if hasattr(sys.modules[n], "__path__")]:
        show_modules(package, names)
    list_names(rugpt_core, names)
    shutil.rmtree(out/"rugpt_core", ignore_errors=True)
    (out/"search.js").unlink(missing_ok=True)
    pdoc.render.configure(docformat="markdown", show_source=False, search=False,
        footer_text=f"rugpt {rugpt_core.__version__}")
    pdoc.pdoc("rugpt_core", output_directory=out)
    without = [n for n in names if not (out/f"{n.replace('.', '/')}.html").is_file()]
    if without:
        sys.exit(f"no page of {', '.join(without)}")
    print(f"{out/'index.html'}: {len(names)} modules")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
