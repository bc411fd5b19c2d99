"""Programs that send to HOST and PORT in as many ways as there are; each tries once and ends."""

from __future__ import annotations

import sys
from typing import Final

_LIBC: Final = """
import ctypes, socket, struct, os
libc = ctypes.CDLL(None, use_errno=True)
raw = struct.pack("=H", socket.AF_INET) + struct.pack("!H", PORT) + socket.inet_aton(HOST) + bytes(8)
"""
_MESSAGE: Final = (
    _LIBC
    + """
name, data = ctypes.create_string_buffer(raw), ctypes.create_string_buffer(b"hello", 5)
part = struct.pack("=QQ", ctypes.addressof(data), 5)
parts = ctypes.create_string_buffer(part)
header = struct.pack("=QIxxxxQQQQixxxx", ctypes.addressof(name), 16, ctypes.addressof(parts), 1, 0, 0, 0)
"""
)

PYTHON: Final = {
    "socket": "import socket; socket.create_connection((HOST, PORT), 3).sendall(b'x')",
    "socket of a thread": """
import socket, threading
thread = threading.Thread(target=lambda: socket.create_connection((HOST, PORT), 3).sendall(b'x'))
thread.start(); thread.join()
""",
    "requests": "import requests; requests.get(URL, timeout=3)",
    "httpx": "import httpx; httpx.get(URL, timeout=3)",
    "urllib": "import urllib.request; urllib.request.urlopen(URL, timeout=3)",
    "urllib3": "import urllib3; urllib3.PoolManager().request('GET', URL, timeout=3, retries=False)",
    "http.client": """
import http.client
http.client.HTTPConnection(HOST, PORT, timeout=3).request("GET", "/")
""",
    "asyncio": "import asyncio; asyncio.run(asyncio.open_connection(HOST, PORT))",
    "gevent": "from gevent import socket; socket.create_connection((HOST, PORT), 3).sendall(b'x')",
    "geventhttpclient": "from geventhttpclient import HTTPClient; HTTPClient(HOST, PORT).get('/')",
    "websocket-client": "import websocket; websocket.create_connection(f'ws://{HOST}:{PORT}/', timeout=3)",
    "psycopg, libpq in C": "import psycopg; psycopg.connect(host=HOST, port=PORT, connect_timeout=3)",
    "pymysql": "import pymysql; pymysql.connect(host=HOST, port=PORT, connect_timeout=3)",
    "redis": "import redis; redis.Redis(HOST, PORT, socket_timeout=3).ping()",
    "ZeroMQ in C++": """
import time, zmq
socket = zmq.Context().socket(zmq.PUSH); socket.setsockopt(zmq.LINGER, 500)
socket.connect(f"tcp://{HOST}:{PORT}"); socket.send(b"x"); time.sleep(0.5); socket.close()
""",
    "a forked child": """
import os, socket
if os.fork() == 0:
    os.setsid()
    socket.create_connection((HOST, PORT), 3).sendall(b'x')
    os._exit(0)
os.wait()
""",
    "a child of a child": """
import subprocess
subprocess.run(["sh", "-c", f"sh -c 'curl -s -m 3 {URL}'"])
""",
    "connect by ctypes": _LIBC + "s = socket.socket(); print(libc.connect(s.fileno(), raw, 16))",
    "a mapped IPv6 address": "import socket; socket.create_connection((f'::ffff:{HOST}', PORT), 3)",
    "TCP fast open, sendto": """
import socket
socket.socket().sendto(b'hello', socket.MSG_FASTOPEN, (HOST, PORT))
""",
    "TCP fast open, sendmsg": """
import socket
socket.socket().sendmsg([b'hello'], [], socket.MSG_FASTOPEN, (HOST, PORT))
""",
    "UDP, sendto": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', (HOST, PORT))",
    "UDP, sendmsg": """
import socket
socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, (HOST, PORT))
""",
    "UDP, connected": """
import socket
one = socket.socket(type=socket.SOCK_DGRAM); one.connect((HOST, PORT)); one.send(b'x')
""",
    "UDP, sendmsg by ctypes": _MESSAGE + """
one = socket.socket(type=socket.SOCK_DGRAM)
print(libc.sendmsg(one.fileno(), header, 0))
""",
    "UDP, the second message of sendmmsg": _MESSAGE + """
two = socket.socket(type=socket.SOCK_DGRAM)
near = ctypes.create_string_buffer(raw[:4] + socket.inet_aton("127.0.0.1") + bytes(8))
first = struct.pack("=Q", ctypes.addressof(near)) + header[8:]
both = ctypes.create_string_buffer(first + bytes(8) + header + bytes(8))
print(libc.sendmmsg(two.fileno(), both, 2, 0))
""",
    "UDP, an address without a family": _LIBC + """
one = socket.socket(type=socket.SOCK_DGRAM)
print(libc.sendto(one.fileno(), b"x", 1, 0, bytes(2) + raw[2:], 16))
""",
}  # fmt: skip
"""Source by name; HOST, PORT and URL are defined before it."""

FURTHER: Final = {
    "gRPC in C": """
import grpc
channel = grpc.insecure_channel(f"{HOST}:{PORT}")
ask = channel.unary_unary("/x/Y", request_serializer=bytes, response_deserializer=bytes)
ask(b"", timeout=2)
""",
    "pycurl": """
import pycurl
curl = pycurl.Curl(); curl.setopt(pycurl.URL, URL); curl.setopt(pycurl.TIMEOUT, 3); curl.perform()
""",
    "aiohttp": """
import aiohttp, asyncio
async def ask():
    async with aiohttp.ClientSession() as session:
        await session.get(URL)
asyncio.run(ask())
""",
    "websockets": """
import asyncio, websockets
async def ask():
    await websockets.connect(f"ws://{HOST}:{PORT}/", open_timeout=3)
asyncio.run(ask())
""",
    "HTTP/2 by httpx": "import httpx; httpx.Client(http1=False, http2=True, timeout=3).get(URL)",
    "smtplib": "import smtplib; smtplib.SMTP(HOST, PORT, timeout=3)",
    "ftplib": "import ftplib; ftplib.FTP().connect(HOST, PORT, 3)",
    "syslog over UDP": """
import logging.handlers
logging.handlers.SysLogHandler((HOST, PORT)).emit(logging.makeLogRecord({"msg": "x"}))
""",
    "multiprocessing": """
import multiprocessing, socket
def ask():
    socket.create_connection((HOST, PORT), 3)
child = multiprocessing.get_context("fork").Process(target=ask); child.start(); child.join()
""",
}
"""More Python for `make attack`, which takes its time; what is not installed is left out."""

COMMANDS: Final = {
    "curl": ["curl", "-s", "-m", "3", "{url}"],
    "bash": ["bash", "-c", "echo x > /dev/tcp/{host}/{port}"],
    "perl": [
        "perl", "-MIO::Socket::INET", "-e", "IO::Socket::INET->new(PeerAddr => '{host}:{port}')->print('x')",
    ],
    "openssl": ["openssl", "s_client", "-connect", "{host}:{port}"],
    "wget": ["wget", "-q", "-T", "3", "-t", "1", "-O", "-", "{url}"],
    "nc": ["nc", "-w", "3", "-z", "{host}", "{port}"],
    "socat": ["socat", "-u", "OPEN:/etc/hostname", "UDP:{host}:{port}"],
    "ssh": ["ssh", "-o", "ConnectTimeout=3", "-o", "BatchMode=yes", "-p", "{port}", "{host}"],
    "node": ["node", "-e", "require('http').get('{url}').on('error', () => 0)"],
}  # fmt: skip
"""What is no Python; one that the machine does not have is left out."""


def argv_of(client: str, host: str, port: int) -> list[str]:
    """The command line of a client."""
    url = f"http://{host}:{port}/"
    if client in COMMANDS:
        return [word.format(host=host, port=port, url=url) for word in COMMANDS[client]]
    source = {**PYTHON, **FURTHER}[client]
    return [sys.executable, "-c", f"HOST, PORT, URL = {host!r}, {port}, {url!r}\n{source}"]
