"""Asks pip where archives lie, without fetching them: ``python pip_addresses.py OUT REQUIREMENT...``.

Run as a script in a process of its own (it imports nothing of this package). pip has no public way to say it: even
``install --dry-run --report`` fetches the archives first. These inner names of pip are the same from 23.2 to 26.3;
where they are not, the script fails and the caller lets pip fetch the archives itself.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def main(out: str, requirements: list[str]) -> None:
    """Write ``{"addresses": {requirement: url}, "certificates": path or null, "proxy": url or null}`` to `out`."""
    command: Any = import_module("pip._internal.commands").create_command("download")
    parse: Any = import_module("pip._internal.req.constructors").install_req_from_line
    options, _ = command.parse_args(["--only-binary=:all:", "--no-input", *requirements])
    with command.main_context():
        finder = command._build_package_finder(options, command.get_default_session(options))
        found = {name: finder.find_requirement(parse(name), upgrade=True) for name in requirements}
    addresses = {name: candidate.link.url_without_fragment for name, candidate in found.items() if candidate}
    told = {"addresses": addresses, "certificates": options.cert, "proxy": options.proxy or None}
    Path(out).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
