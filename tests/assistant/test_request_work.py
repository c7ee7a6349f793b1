"""Whose work a request is: labels of bounded number, whatever clients ask for."""

from aiex.assistant.request_work import RequestWork
from aiex.work import Work


def test_requests_of_one_route_and_model_share_one_label() -> None:
    work = RequestWork(["smart"])
    assert work.of("/v1/responses", "smart") == Work("http.api", "/v1/responses", "smart")
    assert work.of("/v1/responses", "smart") is work.of("/v1/responses", "smart")


def test_before_the_model_is_known_the_route_is() -> None:
    assert RequestWork(["smart"]).of("/v1/models", "") == Work("http.api", "/v1/models")


def test_models_that_only_clients_name_are_told_as_their_provider_s() -> None:
    work = RequestWork(["smart", "team/own"])
    found = {work.of("/v1/embeddings", f"openai/m{number}") for number in range(1000)}
    assert found == {Work("http.api", "/v1/embeddings", "openai/*")}
    assert work.of("/v1/embeddings", "team/own").model == "team/own"
