"""Makes a bucket or a container on a server of this machine: `bucket.py KIND ENDPOINT NAME`."""

import base64
import hashlib
import hmac
import json
import sys
import urllib.request
from email.utils import formatdate

# What the emulator of Azure is documented to have, and no other server.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def s3(endpoint, name):
    return urllib.request.Request(f"{endpoint}/{name}", method="PUT")


def gcs(endpoint, name):
    return urllib.request.Request(
        f"{endpoint}/storage/v1/b?project=p",
        method="POST",
        data=json.dumps({"name": name}).encode(),
        headers={"Content-Type": "application/json"},
    )


def azure(endpoint, name):
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    lines = ["PUT"] + [""] * 11
    lines += [f"{name}:{value}" for name, value in sorted(headers.items())]
    lines += [f"/{ACCOUNT}/{ACCOUNT}/{name}", "restype:container"]
    key = base64.b64decode(KEY)
    signature = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()
    signature = base64.b64encode(signature).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
    url = f"{endpoint}/{ACCOUNT}/{name}?restype=container"
    return urllib.request.Request(url, method="PUT", headers=headers)


kind, endpoint, name = sys.argv[1:]
# No proxy stands between this machine and itself.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open({"s3": s3, "gs": gcs, "az": azure}[kind](endpoint, name), timeout=10).close()
