"""Who is compared: how each gets one artifact over one way, and where it is installed."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from .process import Program

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["unlade", "curl", "curl, openssl", "skopeo", "oras", "crane", "regctl", "ironic", "oci-client"]


def peers_folder():
    """Where the tests, too, have what tests/install-peers built."""
    return Path(os.environ.get("UNLADE_PEERS", ROOT / "target/peers")).resolve()


def tool(name):
    """Finds a program: what tests/install-peers built, or else the system's."""
    built = {"ironic": "ironic/bin/python", "oci-client": "oci-client"}.get(name, name)
    # What was begun and not ended has no origin beside it.
    if (peers_folder() / built).exists() and (peers_folder() / f"{name}.from").exists():
        return peers_folder() / built
    return None if name in ("ironic", "oci-client") else shutil.which(name)


def missing(only):
    """Names what a whole table needs and is not there."""
    wanted = set(",".join(only or NAMES).replace(" ", "").split(",")) - {"unlade"}
    return sorted(name for name in wanted if not tool(name))


def versions():
    """What the programs say of themselves."""
    def ask(*words):
        try:
            return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return ""

    said = {"curl": ask("curl", "--version").split("(")[0].removeprefix("curl "), "openssl": " ".join(ask("openssl", "version").split()[1:2]),
            "skopeo": ask("skopeo", "--version").removeprefix("skopeo version ")}
    for name in ("oras", "crane", "regctl", "ironic", "oci-client"):
        origin = peers_folder() / f"{name}.from"
        if origin.exists():
            said[name] = re.split("@v?|==", origin.read_text().splitlines()[0])[-1]
    return {name: text.strip() for name, text in said.items() if text}


def programs(bench, artifact, port, plain=False):
    """Everyone who takes part, for one artifact of one layer behind a port of localhost."""
    host = f"localhost:{port}"
    made = [unlade(bench, artifact, port, plain), *_curl(bench, artifact, host, plain),
            _skopeo(bench, artifact, host, plain), _oras(bench, artifact, host, plain),
            _crane(bench, artifact, host), _regctl(bench, artifact, host, plain), _ironic(bench, artifact, host, plain),
            _oci_client(bench, artifact, host, plain)]
    return [program for program in made if program and (not bench.only or program.name in bench.only)]


def unlade(bench, artifact, port, plain=False, output="disk.img", tag="v1", more=()):
    authority = [] if plain else ["--ca-file", bench.authority]
    return Program("unlade", [bench.unlade, "pull", f"localhost:{port}/{artifact.name}:{tag}", *authority, "-o", output, *more],
                   kind="unlade", environment=bench.home())


def _curl(bench, artifact, host, plain):
    url = f"{'http' if plain else 'https'}://{host}/v2/{artifact.name}/blobs/{artifact.layer}"
    words = ["curl", "-fsS", "--cacert", bench.authority, "-o", "disk.img", url]
    checked = ["sh", "-c", '"$@" && openssl dgst -sha256 disk.img', "sh", *words]
    return [Program("curl", words, kind="unverified"), Program("curl, openssl", checked, kind="script")]


def _skopeo(bench, artifact, host, plain):
    certificates = bench.folder / "certificates"
    certificates.mkdir(exist_ok=True)
    shutil.copy(bench.authority, certificates / "ca.crt")
    way = ["--src-tls-verify=false"] if plain else ["--src-cert-dir", certificates]
    return tool("skopeo") and Program(
        "skopeo", [tool("skopeo"), "--insecure-policy", "copy", *way, f"docker://{host}/{artifact.name}:v1", "dir:image"],
        environment=bench.home())


def _oras(bench, artifact, host, plain):
    way = ["--plain-http"] if plain else ["--plain-http=false", "--ca-file", bench.authority]
    return tool("oras") and Program("oras", [tool("oras"), "pull", *way, f"{host}/{artifact.name}:v1"],
                                    environment=bench.home())


def _crane(bench, artifact, host):
    return tool("crane") and Program("crane", [tool("crane"), "blob", f"{host}/{artifact.name}@{artifact.layer}"],
                                     environment=bench.home() | {"SSL_CERT_FILE": str(bench.authority)}, stdout="disk.img")


def regctl_environment(bench, host, plain):
    config = bench.folder / f"regctl-{host.rpartition(':')[2]}.json"
    tls = {"tls": "disabled"} if plain else {"tls": "enabled", "regcert": bench.authority.read_text()}
    config.write_text(json.dumps({"version": 1, "hosts": {host: {**tls, "hostname": host}}}))
    return bench.home() | {"REGCTL_CONFIG": str(config)}


def _regctl(bench, artifact, host, plain):
    return tool("regctl") and Program("regctl", [tool("regctl"), "blob", "get", f"{host}/{artifact.name}", artifact.layer],
                                      environment=regctl_environment(bench, host, plain), stdout="disk.img")


def _ironic(bench, artifact, host, plain):
    # A conductor has its modules loaded already: the client times itself, from the first request to the last byte.
    words = [tool("ironic"), ROOT / "bench/ironic/pull.py", f"oci://{host}/{artifact.name}@{artifact.manifest}", "disk.img"]
    return tool("ironic") and Program("ironic", words + ([] if plain else [bench.authority]), environment=bench.home(), timed=True)


def _oci_client(bench, artifact, host, plain):
    words = [tool("oci-client"), f"{host}/{artifact.name}:v1", "disk.img"]
    return tool("oci-client") and Program("oci-client", words + ([] if plain else [bench.authority]), environment=bench.home())
