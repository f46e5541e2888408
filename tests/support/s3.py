"""Object storage of one's own, as S3 speaks: moto's server on a free port of loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import boto3
from moto.server import ThreadedMotoServer

from central.store.objects import Bucket, Objects

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIALS = "[default]\naws_access_key_id = key\naws_secret_access_key = secret\n"


class Storage:
    """Use it as a context manager."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._buckets = 0

    @property
    def endpoint(self) -> str:
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def bucket(self, folder: Path) -> Bucket:
        """Make a bucket; its credentials are written into `folder`."""
        self._buckets += 1
        name = f"bucket-{self._buckets}"
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        client.create_bucket(Bucket=name)
        client.close()
        credentials = folder / "credentials"
        credentials.write_text(CREDENTIALS, encoding="utf-8")
        credentials.chmod(0o600)
        return Bucket(self.endpoint, name, "us-east-1", credentials)

    def objects(self, folder: Path) -> Objects:
        return Objects(self.bucket(folder))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
