"""A certificate for the loopback addresses, made once per process."""

from __future__ import annotations

import functools
import ssl
import subprocess
import tempfile
from pathlib import Path


@functools.cache
def _files() -> tuple[str, str]:
    folder = Path(tempfile.mkdtemp(prefix="loadproof-tls-"))
    key, certificate = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate


def client_ca() -> str:
    """Return the path of the certificate that a client must trust."""
    return _files()[1]


def server_context() -> ssl.SSLContext:
    """Return a server's TLS context."""
    key, certificate = _files()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
