"""Addresses in all their forms, and which may be loaded: the same for the guard in Python and in Java."""

from __future__ import annotations

from typing import Final

from loadproof.model import Policy

POLICY: Final = Policy(
    production=("api.shop.test", "xn--bcher-kva.test"),
    production_networks=("203.0.113.20/32", "203.0.113.21/32"),
    targets=("staging.test", "*.perf.test"),
    target_networks=("203.0.113.30/32",),
)
REACHED: Final = [
    ("127.0.0.1", "", True, "local"),
    ("203.0.113.30", "staging.test", True, "the address that the listed name had"),
    ("203.0.113.77", "x.perf.test", True, "a new address of a listed domain"),
    ("203.0.113.77", "elsewhere.test", False, "an unlisted name"),
    ("203.0.113.88", "", False, "an unlisted address"),
    ("203.0.113.20", "x.perf.test", False, "production, though the name is listed"),
    ("::ffff:203.0.113.20", "", False, "production inside an IPv6 address"),
    ("64:ff9b::cb00:7114", "", False, "production through NAT64"),
    ("64:ff9b:1::cb00:7114", "", False, "production through NAT64 inside of a site"),
    ("64:ff9b:1::cb00:7114", "x.perf.test", False, "the same, with 96 bits of prefix"),
    ("64:ff9b:1:cb00:71:1400::", "x.perf.test", False, "the same, with 48"),
    ("64:ff9b:1:cb:0:7114::", "x.perf.test", False, "the same, with 56"),
    ("64:ff9b:1:0:cb:71:1400::", "x.perf.test", False, "the same, with 64"),
    ("64:ff9b:1:5db8:d8:2200::", "", False, "93.184.216.34 of a site: its last 32 bits are no 0.0.0.0"),
    ("64:ff9b::7f00:1", "", False, "the translator's own 127.0.0.1 is not ours"),
    ("64:ff9b:1::a00:1", "", False, "its 10.0.0.1 neither"),
    ("2002:7f00:1::1", "", False, "6to4 of 127.0.0.1"),
    ("::127.0.0.1", "", False, "a compatible address of 127.0.0.1"),
    ("::ffff:127.0.0.1", "", True, "what a socket connects to is 127.0.0.1"),
    ("::ffff:203.0.113.20", "x.perf.test", False, "production, mapped"),
    ("64:ff9b:1:5db8:d8:2200::", "x.perf.test", True, "a listed name inside of a site"),
    ("::ffff:0:203.0.113.20", "x.perf.test", False, "production, translated"),
    ("::203.0.113.20", "x.perf.test", False, "production as a compatible address"),
    ("2002:cb00:7114::1", "x.perf.test", False, "production through 6to4"),
    ("::1", "", True, "this machine"),
    ("2001:0:4136:e378:8000:63bf:34ff:8eeb", "x.perf.test", False, "production behind a Teredo tunnel"),
    ("2001:0:cb00:7114:8000:63bf:3fff:fdd2", "x.perf.test", True, "a Teredo server only introduces"),
    ("2001:db8::5efe:203.0.113.20", "x.perf.test", False, "production behind an ISATAP tunnel"),
    ("2001:db8::200:5efe:cb00:7114", "x.perf.test", False, "the same, of a globally unique address"),
    ("2001:db8::100:5efe:cb00:7114", "x.perf.test", True, "no such tunnel"),
    ("64:ff9b:2::cb00:7114", "x.perf.test", True, "beside the prefixes of NAT64"),
    ("fe80::5efe:203.0.113.20", "", False, "production behind a tunnel of this link"),
    ("fd00::7", "", True, "a private network"),
    ("::", "", True, "this machine, unspecified"),
    ("::2", "", False, "an unlisted address with few bits"),
    ("0.0.0.0", "", True, "this machine, unspecified"),
    ("10.1.2.3", "api.shop.test", False, "a name of production, whatever its address"),
    ("10.1.2.3", "API.Shop.Test.", False, "the same, in another spelling"),
    ("10.1.2.3", "api.shop.test..", False, "with two dots at its end"),
    ("10.1.2.3", "B\u00fccher.test", False, "a name of production in its own letters"),
    ("10.1.2.3", "b\u00fccher\u3002test", False, "with the full stop of another script"),
    ("10.1.2.3", "api.shop.test\u3002", False, "with such a full stop at its end"),
    ("10.1.2.3", "\uff41pi.shop.test", False, "with a letter of full width"),
    ("10.1.2.3", "\u24d0pi.shop.test\uff0e", False, "with one in a circle, and another full stop"),
    ("10.1.2.3", "xn--bcher-kva.TEST", False, "in those of the resolver"),
    ("10.1.2.3", "bucher.test", True, "another name"),
    ("203.0.113.77", "X.PERF.test.", True, "a listed domain in another spelling"),
    ("203.0.113.77", "perf.test", False, "the domain itself is not below it"),
    ("203.0.113.77", "xperf.test", False, "nor is a name that only ends like it"),
]
"""Address, the name that it was reached under ("" for none), whether it may be loaded, why."""
