"""The routes of templates: what there is, and how new ones are built.

Builder clients splat some answers into dataclasses, so those hold exactly the listed keys (`request_id` included).
`logs` and `status` accept the id of a build or of its template; `logs` is JSON with an offset, as all clients expect,
not the event stream of the specification.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from hopx_tui.engine import recipes, requests
from hopx_tui.engine.builds import Build, Builds
from hopx_tui.engine.errors import ControlError, invalid, template_not_found
from hopx_tui.engine.gate import answer
from hopx_tui.engine.saved import SavedTemplates
from hopx_tui.engine.templates import BUILT_IN, Catalogue
from hopx_tui.engine.uploads import PREFIX, Uploads
from hopx_tui.engine.workshop import Workshop

CHUNK = 1 << 18


class TemplateRoutes:
    """The handlers."""

    def __init__(
        self, catalogue: Catalogue, saved: SavedTemplates, builds: Builds, workshop: Workshop, uploads: Uploads
    ) -> None:
        self._catalogue = catalogue
        self._saved = saved
        self._builds = builds
        self._workshop = workshop
        self._uploads = uploads

    def add_to(self, app: web.Application) -> None:
        """Register everything."""
        app.router.add_get("/v1/templates", self.list_templates)
        app.router.add_post("/v1/templates/build", self.build)
        app.router.add_get("/v1/templates/build/{id}/status", self.status)
        app.router.add_get("/v1/templates/build/{id}/logs", self.logs)
        app.router.add_post("/v1/templates/files/upload-link", self.upload_link)
        app.router.add_put(f"{PREFIX}{{hash}}", self.upload)
        app.router.add_get("/v1/templates/{name}", self.get_template)
        app.router.add_delete("/v1/templates/{name}", self.remove)

    async def list_templates(self, request: web.Request) -> web.Response:
        category, language = request.query.get("category"), request.query.get("language")
        rows = [
            self._catalogue.describe(template)
            for template in self._catalogue.all()
            if category in (None, template.category) and language in (None, template.language)
        ]
        return answer(
            request,
            {"object": "list", "data": rows, "has_more": False, "next_cursor": None, "url": "/v1/templates"},
        )

    async def get_template(self, request: web.Request) -> web.Response:
        """Also one whose first build runs or failed: builders ask for its status."""
        name = request.match_info["name"]
        template = self._catalogue.find(name)
        if template is not None:
            return answer(request, self._catalogue.describe(template))
        try:
            build = self._builds.find(name)
        except ControlError:
            raise template_not_found(name[:200]) from None
        if build.status == "active":  # it was removed since
            raise template_not_found(name[:200])
        return answer(request, self._pending(build))

    def _pending(self, build: Build) -> dict[str, Any]:
        words = build.error_message or f"It is being built ({build.progress} %)."
        return self._catalogue.describe(BUILT_IN[0]) | {
            "id": build.template_id,
            "name": build.name,
            "display_name": build.name,
            "description": words,
            "category": "custom",
            "status": build.status,
            "build_id": build.id,
            "is_active": False,
            "is_public": False,
            "unavailable_reason": words,
            "error_message": build.error_message,
        }

    async def remove(self, request: web.Request) -> web.Response:
        """A template that was built here; a first build of it that runs is cancelled."""
        name = request.match_info["name"]
        template = self._catalogue.find(name)
        if template is not None and template.saved is None:
            raise ControlError(403, "FORBIDDEN", f"Template {template.name} is built in and cannot be deleted")
        cancelled = await self._workshop.cancel(name)
        saved = self._saved.find(name)
        if saved is None and not cancelled:
            raise template_not_found(name[:200])
        if saved is not None:
            self._saved.remove(saved)
        return answer(request, {"id": saved.id if saved is not None else name, "object": "template", "deleted": True})

    async def upload_link(self, request: web.Request) -> web.Response:
        body = requests.decode(await request.read(), recipes.UploadBody)
        recipes.check_hash(body.files_hash)
        origin = f"http://{request.headers['Host']}"  # one of ours: the gate has seen it
        return answer(request, self._uploads.link(origin, body.files_hash, body.content_length))

    async def upload(self, request: web.Request) -> web.Response:
        """PUT to a signed link, without the API key."""
        files_hash, query = recipes.check_hash(request.match_info["hash"]), request.query
        length = self._uploads.check(
            files_hash, query.get("expires", ""), query.get("length", ""), query.get("signature", "")
        )
        if request.content_length is not None and request.content_length > length:
            raise ControlError(413, "PAYLOAD_TOO_LARGE", f"More than the {length} bytes announced")
        size = await self._uploads.take(files_hash, length, _chunks(request))
        return answer(request, {"files_hash": files_hash, "size": size})

    async def build(self, request: web.Request) -> web.Response:
        build = self._workshop.begin(requests.decode(await request.read(), recipes.BuildBody))
        return answer(
            request,
            {
                "build_id": build.id,
                "template_id": build.template_id,
                "status": build.status,
                "logs_url": f"http://{request.headers['Host']}/v1/templates/build/{build.id}/logs",
            },
            201,
        )

    async def status(self, request: web.Request) -> web.Response:
        return answer(request, self._builds.find(request.match_info["id"]).describe())

    async def logs(self, request: web.Request) -> web.Response:
        text = request.query.get("offset", "0")
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise invalid("offset must be a number of characters", offset=text[:100])
        return answer(request, self._builds.find(request.match_info["id"]).logs(int(text)))


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(CHUNK):
        yield chunk
