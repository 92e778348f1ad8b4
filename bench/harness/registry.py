"""A registry of static files behind nginx, and a long way to it."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time

MIB = 1 << 20
LAYER = "application/octet-stream"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    log_format requests '$request_method $uri $status';
    access_log {folder}/requests.log requests;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on;
    map "$http_authorization $uri" $locked {{ default 0; "~^ /v2/locked/" 1; }}
    map $locked $challenge {{ 1 'Bearer realm="https://localhost:{tls}/token",service="bench"'; default ''; }}
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
        root {folder}/www;
        add_header WWW-Authenticate $challenge always;
        if ($locked) {{ return 401; }}
        location = /v2/ {{ return 200 '{{}}'; }}
        location = /token {{ default_type application/json; return 200 '{{"token": "bench"}}'; }}
        location ~ /manifests/.*index {{ types {{ }} default_type {index}; }}
        location ~ /manifests/ {{ types {{ }} default_type {manifest}; }}
        location ~ /blobs/ {{ types {{ }} default_type application/octet-stream; }}
        location ~ /tags/list$ {{ types {{ }} default_type application/json; }}
    }}
}}
"""


class Published:
    """An artifact: its repository, its manifest's digest and its layers' digests, its size in all."""

    def __init__(self, name, manifest, layers, size):
        self.name, self.manifest, self.layers, self.size = name, manifest, layers, size
        self.layer = layers[0]


class Registry:
    """Serves the same over TLS and plainly: the least that a server can cost."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            self.tls, self.plain = one.getsockname()[1], other.getsockname()[1]
        self.authority = folder / "ca.pem"
        self._certify()
        (folder / "www/v2").mkdir(parents=True)
        conf = folder / "nginx.conf"
        conf.write_text(NGINX.format(folder=folder, tls=self.tls, plain=self.plain, index=INDEX, manifest=MANIFEST))
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen([nginx(), "-p", folder, "-c", conf, *user], stderr=subprocess.DEVNULL)
        self._wait()

    def _certify(self):
        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=bench authority")
        openssl("req", "-x509", *curve, "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=localhost",
                "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-addext", "basicConstraints=critical,CA:FALSE")

    def _wait(self):
        for _ in range(200):
            if self.process.poll() is not None:
                sys.exit("bench: nginx did not start: " + (self.folder / "error.log").read_text())
            try:
                socket.create_connection(("127.0.0.1", self.plain), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("bench: nginx does not answer")

    def publish(self, name, size, count=1, sparse=False):
        """Stores an artifact of so many layers of this size.

        Content is one random MiB again and again. Where it is to be sparse, that MiB begins each 64 MiB and the rest
        is holes: they need no memory in a tmpfs, and nobody who reads the file can tell.
        """
        repository = self._repository(name)
        layers = [self._layer(repository / "blobs", size, sparse) for _ in range(count)]
        config = self._put(repository / "blobs", b"{}")
        titles = ["disk.img"] if count == 1 else [f"part-{number:03}" for number in range(count)]
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.unlade.bench",
            "config": {"mediaType": EMPTY, "digest": config, "size": 2},
            "layers": [{"mediaType": LAYER, "digest": layer, "size": size,
                        "annotations": {"org.opencontainers.image.title": title}}
                       for layer, title in zip(layers, titles)],
        }).encode()
        digest = self._put(repository / "manifests", manifest)
        (repository / "manifests/v1").write_bytes(manifest)
        platform = {"os": "linux", "architecture": "amd64"}
        entry = {"mediaType": MANIFEST, "digest": digest, "size": len(manifest), "platform": platform}
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
        (repository / "manifests/index").write_bytes(index)
        return Published(name, digest, layers, size * count)

    def tag(self, name, count):
        """Lists so many tags."""
        (self.folder / "www/v2" / name / "tags").mkdir()
        tags = json.dumps({"name": name, "tags": ["v1", *(f"old-{number}" for number in range(count - 1))]})
        (self.folder / "www/v2" / name / "tags/list").write_text(tags)

    def path(self, published):
        """Gives the file of the first layer."""
        return self.folder / "www/v2" / published.name / "blobs" / published.layer

    def remove(self, published):
        shutil.rmtree(self.folder / "www/v2" / published.name)

    def _repository(self, name):
        repository = self.folder / "www/v2" / name
        (repository / "manifests").mkdir(parents=True)
        (repository / "blobs").mkdir()
        return repository

    @staticmethod
    def _layer(folder, size, sparse):
        block, hole = os.urandom(min(MIB, size)), bytes(MIB)
        sha = hashlib.sha256()
        with open(folder / "new", "wb") as out:
            for number in range(-(-size // MIB)):
                if sparse and number % 64:
                    out.seek(len(hole), os.SEEK_CUR)
                    sha.update(hole)
                else:
                    out.write(block)
                    sha.update(block)
            out.truncate(size)
        layer = f"sha256:{sha.hexdigest()}"
        (folder / "new").rename(folder / layer)
        return layer

    @staticmethod
    def _put(folder, content):
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        (folder / digest).write_bytes(content)
        return digest

    def requests(self):
        return (self.folder / "requests.log").read_text().splitlines()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Link:
    """A long way to a registry: crates/unlade-testkit/examples/link.rs. It ends with its stdin, so with this program."""

    def __init__(self, program, port, **terms):
        words = [program, "--to", f"127.0.0.1:{port}"]
        for name, value in terms.items():
            words += [f"--{name}", str(value)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        address = self.process.stdout.readline().strip() or sys.exit("bench: the link did not start")
        self.port = int(address.rpartition(":")[2])

    def carried(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["carried"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def nginx():
    return shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or sys.exit("bench: install nginx")
