"""The nginx configuration that ships, run as it is but for its ports and places."""

import datetime as dt
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ports import free_port

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"


def nginx_path() -> str:
    """The nginx of the machine. Where it is absent the test is skipped by name, and fails in CI."""
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("nginx is missing, and CI skips nothing (.ci/run installs it)")
    if path is None:
        pytest.skip("nginx is missing (apt-get install nginx)")
    return path


@attrs.frozen(kw_only=True)
class Proxy:
    """A running nginx."""

    tls_port: int
    plain_port: int
    certificate: Path
    access_log: Path
    error_log: Path

    def tls(self) -> ssl.SSLContext:
        """What trusts its certificate, and no other."""
        return ssl.create_default_context(cafile=self.certificate)

    def client(self, address: str, **headers: str) -> httpx.AsyncClient:
        """Somebody at ``address``, one of 127.0.0.0/8."""
        transport = httpx.AsyncHTTPTransport(verify=self.tls(), local_address=address)
        base_url = f"https://localhost:{self.tls_port}"
        return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers, timeout=30.0)

    def logged(self) -> str:
        """All that it wrote to either log."""
        return self.access_log.read_text() + self.error_log.read_text()


@contextmanager
def in_front_of(port: int, folder: Path) -> Iterator[Proxy]:
    """nginx with the shipped configuration in front of a service at ``port``; ``localhost`` is its name."""
    program = nginx_path()
    proxy = Proxy(
        tls_port=free_port(),
        plain_port=free_port(),
        certificate=folder / "certificate.pem",
        access_log=folder / "access.log",
        error_log=folder / "error.log",
    )
    _certify(proxy.certificate, folder / "key.pem")
    path = folder / "nginx.conf"
    path.write_text(_moved(SHIPPED.read_text(encoding="utf-8"), port, proxy, folder), encoding="utf-8")
    words = [program, "-p", str(folder), "-c", str(path), "-e", str(proxy.error_log)]
    subprocess.run([*words, "-t", "-q"], check=True, timeout=30)
    process = subprocess.Popen([*words, "-g", "daemon off;"])
    try:
        yield proxy
    finally:
        process.terminate()
        process.wait(timeout=30)


def _moved(shipped: str, port: int, proxy: Proxy, folder: Path) -> str:
    """The shipped text with each of its ports and places exchanged; one that is not there is a mistake."""
    kept = "".join(
        f"    {kind}_temp_path {folder / kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    exchanged = {
        "http {\n": f"http {{\n{kept}",
        "pid /run/nginx.pid;": f"pid {folder / 'nginx.pid'};",
        "/var/log/nginx/error.log": str(proxy.error_log),
        "/var/log/nginx/payments.log": str(proxy.access_log),
        "server 127.0.0.1:8000 ": f"server 127.0.0.1:{port} ",
        "listen 443 ssl": f"listen 127.0.0.1:{proxy.tls_port} ssl",
        "listen 80": f"listen 127.0.0.1:{proxy.plain_port}",
        "https://pay.example.com$request_uri": f"https://localhost:{proxy.tls_port}$request_uri",
        "ssl_certificate /etc/ssl/pay.example.com.pem": f"ssl_certificate {proxy.certificate}",
        "ssl_certificate_key /etc/ssl/pay.example.com.key": f"ssl_certificate_key {folder / 'key.pem'}",
        "server_name pay.example.com;": "server_name localhost;",
    }
    text = shipped
    for said, instead in exchanged.items():
        assert said in text, f"the shipped configuration does not say {said!r}"
        text = text.replace(said, instead)
    return text


def _certify(certificate: Path, key: Path) -> None:
    """Write a key and a certificate of its own for localhost."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
