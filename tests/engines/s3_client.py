"""boto3 with what a table's credential says, and what becomes of a request."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Settings = dict[str, str]


def settings_of(loaded: dict[str, Any]) -> Settings:
    """The one credential that a load gives: it must be the same in both places."""
    (storage,) = loaded["storage-credentials"]
    assert storage["prefix"] == loaded["metadata"]["location"] + "/"
    assert storage["config"].items() <= loaded["config"].items()
    settings: Settings = storage["config"]
    return settings


def key_of(loaded: dict[str, Any], name: str) -> str:
    """The key of a file of the table."""
    return str(loaded["metadata"]["location"]).removeprefix("s3://").split("/", 1)[1] + "/" + name


def client(settings: Settings) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=settings["s3.endpoint"],
        region_name=settings["s3.region"],
        aws_access_key_id=settings["s3.access-key-id"],
        aws_secret_access_key=settings["s3.secret-access-key"],
        aws_session_token=settings["s3.session-token"],
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, signature_version="s3v4"),
    )


def root(endpoint: str, keys: tuple[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, signature_version="s3v4"),
    )


def refused(call: Any, **arguments: Any) -> str:
    """The error's code. It must be that access is denied."""
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return str(error.response["Error"]["Code"])
    raise AssertionError(f"{arguments} was answered")
