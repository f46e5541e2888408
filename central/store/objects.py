"""Sealed bytes as objects in S3-compatible storage, beside a ledger in PostgreSQL.

An object is written before the row that speaks of it, so that a crash leaves an object that nobody knows, never a row
without its bytes; `homeward-intake expire --orphans` removes those. An object is put only where nothing is yet: whoever
is second finds the same bytes, and nobody overwrites anything.
"""

from __future__ import annotations

import configparser
import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from central.store.blobs import BlobsError, Name
from edge_agent.errors import SettingsError
from edge_agent.files import read_private

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from datetime import date, datetime
    from pathlib import Path

_AT_ONCE: Final = 8  # requests on their way: a batch of 50 takes few round trips
_DELETED_AT_ONCE: Final = 1000  # S3's limit
_ABSENT: Final = {"NoSuchKey", "404"}
_PRESENT: Final = {"PreconditionFailed", "412"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects are. `credentials` is a file in AWS's own form, with one key under `[default]`."""

    endpoint: str
    name: str
    region: str
    credentials: Path


class Objects:
    """A bucket; see the protocol."""

    def __init__(self, bucket: Bucket) -> None:
        key, secret = _credentials(bucket.credentials)
        self._bucket = bucket.name
        self._client = boto3.client(
            "s3",
            endpoint_url=bucket.endpoint,
            region_name=bucket.region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                max_pool_connections=_AT_ONCE,
                retries={"mode": "standard", "max_attempts": 3},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",  # not every storage knows the newer ones
                response_checksum_validation="when_required",
            ),
        )

    def check(self) -> None:
        """Find out whether the bucket is there for us."""
        with _explained():
            self._client.head_bucket(Bucket=self._bucket)

    def put(self, contents: Sequence[tuple[Name, bytes]]) -> None:
        """Write objects; return once all are kept. One that is there already is the same."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done in [pool.submit(self._put, name, content) for name, content in contents]:
                done.result()

    def get(self, name: Name) -> bytes | None:
        """Read an object, None when it is not there. Raises BlobsError for one that is not what its name says."""
        with _explained():
            try:
                content: bytes = self._client.get_object(Bucket=self._bucket, Key=name.key)["Body"].read()
            except ClientError as fault:
                if _code(fault) in _ABSENT:
                    return None
                raise
        if hashlib.sha256(content).digest() != name.sha256:
            raise BlobsError(
                f"the object {name.key} holds other bytes than its name says", next_step="See who wrote it."
            )
        return content

    def delete(self, names: Sequence[Name]) -> None:
        """Delete objects; those that are not there are fine."""
        for first in range(0, len(names), _DELETED_AT_ONCE):
            keys = [{"Key": name.key} for name in names[first : first + _DELETED_AT_ONCE]]
            with _explained():
                told = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
            if told.get("Errors"):
                raise BlobsError(f"{len(told['Errors'])} objects can't be deleted", next_step="Check our rights.")

    def delete_before(self, day: date) -> None:
        """Delete all that ended before a day."""
        ended = itertools.takewhile(lambda name: name.day < day, (name for name, _ in self.names()))
        while names := list(itertools.islice(ended, _DELETED_AT_ONCE)):
            self.delete(names)

    def names(self) -> Iterator[tuple[Name, datetime]]:
        """Go through all objects that have the name of ours, in order, each with when it was written."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        with _explained():
            for page in pages:
                for found in page.get("Contents", []):
                    try:
                        yield Name.of(found["Key"]), found["LastModified"]
                    except ValueError:
                        continue  # somebody else's

    def _put(self, name: Name, content: bytes) -> None:
        with _explained():
            try:
                self._client.put_object(Bucket=self._bucket, Key=name.key, Body=content, IfNoneMatch="*")
            except ClientError as fault:
                if _code(fault) not in _PRESENT:
                    raise


def _credentials(file: Path) -> tuple[str, str]:
    """Read the access key and its secret. Raises KeyFileError or SettingsError."""
    read = configparser.ConfigParser()
    try:
        read.read_string(read_private(file).decode("utf-8"))
        return read["default"]["aws_access_key_id"], read["default"]["aws_secret_access_key"]
    except (configparser.Error, KeyError, UnicodeDecodeError) as fault:
        raise SettingsError(
            f"{file} holds no credentials for object storage",
            next_step="Write [default] with aws_access_key_id and aws_secret_access_key into it.",
        ) from fault


def _code(fault: ClientError) -> str:
    return str(fault.response.get("Error", {}).get("Code", ""))


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as fault:
        raise BlobsError(
            f"object storage: {fault}", next_step="Check its address, the bucket, and our rights to it."
        ) from fault
