"""Resolvers of files and media; fileCreate, fileUpdate, fileDelete and the files connection."""

from __future__ import annotations

from pathlib import PurePosixPath

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue.files import (
    CONTENT_TYPES,
    KINDS,
    MAX_ALT,
    complaint_about,
    content_of,
    delete_file,
    file_gid,
    find_file,
    image_size,
    new_file,
    status_of,
    take_from_product,
    url_of,
    users_of,
)
from tests.simulator.events.catalogue.pictures import kind_of
from tests.simulator.reads.paging import Page, connection_resolvers, page_of
from tests.simulator.reads.searching.keys_catalogue import search_catalog
from tests.simulator.reads.shop import exact_count, id_key, instant, number_of
from tests.simulator.state.catalogue import ExternalVideo, File, GenericFile, Model3d, Video
from tests.simulator.state.gids import gid
from tests.simulator.state.shop import Product, Variant
from tests.simulator.wire.problems import NotSimulatedError, user_error


def status(file: File, call: Call, arguments: dict) -> str:
    return status_of(call.shop, file, call.simulator.clock.seconds())


def errors(file: File, call: Call, arguments: dict) -> list[dict]:
    if status(file, call, {}) != "FAILED":
        return []
    code, message = file.problem
    return [{"code": code, "message": message, "details": None}]


def image(file: File, call: Call, arguments: dict) -> dict | None:
    """Null until the file is READY (shopify.md 8.1)."""
    if type(file) is not File or status(file, call, {}) != "READY":
        return None
    width, height = image_size(file)
    return image_of(call.shop, file, file.alt, width=width, height=height)


def image_of(shop, file: File, alt: str | None, **size) -> dict:
    """Shopify's Image; `alt` because collections and articles have one of their own."""
    number = gid("ImageSource", file.id)
    return {"id": number, "url": url_of(shop, file), "altText": alt or None, "thumbhash": None, **size}


def preview(file: File, call: Call, arguments: dict) -> dict:
    return {"image": image(file, call, {}), "status": status(file, call, {})}


def mime_type(file: File, call: Call, arguments: dict) -> str | None:
    return kind_of(content_of(file)) if status(file, call, {}) == "READY" else None


# Media of products and variants


def media_of_product(product: Product, call: Call, arguments: dict) -> Page:
    if arguments.get("query"):
        raise NotSimulatedError("The simulator does not search in a product's media")
    rows = [call.shop.catalog.files[file_id] for file_id in product.file_ids]
    if arguments["sortKey"] == "ID":
        return page_of(call, arguments, sorted(rows, key=id_key), id_key, None)
    places = {file.id: place for place, file in enumerate(rows)}
    return page_of(call, arguments, rows, lambda file: (places[file.id], file.id), None)


def featured_media(product: Product, call: Call, arguments: dict) -> File | None:
    return call.shop.catalog.files[product.file_ids[0]] if product.file_ids else None


def media_of_variant(variant: Variant, call: Call, arguments: dict) -> Page:
    file = call.shop.catalog.files.get(variant.file_id)
    return page_of(call, arguments, [file] if file else [], id_key, None)


# Mutations


def create_files(root, call: Call, arguments: dict) -> dict:
    problems = []
    for index, given in enumerate(arguments["files"]):
        wrong = complaint_about(given, call.shop)
        if wrong:
            problems.append(user_error(["files", index, wrong[0]], wrong[1], wrong[2]))
    if problems:
        return {"files": None, "userErrors": problems}
    at = call.simulator.clock.seconds()
    return {"files": [new_file(call.simulator, call.shop, given, at) for given in arguments["files"]], "userErrors": []}


def update_files(root, call: Call, arguments: dict) -> dict:
    """All or nothing. Only files that are READY can be changed ([S] fileUpdate)."""
    rows, problems = [], []
    for index, given in enumerate(arguments["files"]):
        file = find_file(call.shop, given["id"])
        wrong = _why_not(call, file, given)
        if wrong:
            problems.append(user_error(["files", index, wrong[0]], wrong[1], wrong[2]))
        rows.append((file, given))
    if problems:
        return {"files": None, "userErrors": problems}
    touched: dict[int, bool] = {}
    for file, given in rows:
        touched |= dict.fromkeys([*_update(call, file, given), *users_of(call.shop, file.id)], True)
    for product_id in touched:
        call.shop.products[product_id].updated_at = call.now
    call.shop.publish([("PRODUCTS_UPDATE", (product_id,)) for product_id in touched])
    return {"files": [file for file, _ in rows], "userErrors": []}


def _why_not(call: Call, file: File | None, given: dict) -> tuple[str, str, str] | None:
    if file is None:
        return "id", f"File id {given['id']} does not exist.", "FILE_DOES_NOT_EXIST"
    if given.get("previewImageSource"):
        raise NotSimulatedError("The simulator does not change preview images")
    found = status(file, call, {})
    if found == "FAILED":
        return "id", "File cannot be updated in a failed state.", "INVALID_FAILED_MEDIA_STATE"
    if found != "READY":
        return "id", "Non-ready files cannot be updated.", "NON_READY_STATE"
    if len(given.get("alt") or "") > MAX_ALT:
        return "alt", f"The alt value exceeds the maximum limit of {MAX_ALT} characters.", "ALT_VALUE_LIMIT_EXCEEDED"
    name = given.get("filename")
    if name and PurePosixPath(name).suffix != PurePosixPath(file.filename).suffix:
        return "filename", "The filename extension must match the original.", "INVALID_FILENAME_EXTENSION"
    if name and call.shop.catalog.file_names.get(name, file.id) != file.id:
        return "filename", "The provided filename already exists.", "FILENAME_ALREADY_EXISTS"
    if given.get("originalSource") and file.is_moving:
        return "originalSource", "The source of this media cannot be changed.", "INVALID"
    if given.get("originalSource"):
        return complaint_about({"originalSource": given["originalSource"]})
    for side in ("referencesToAdd", "referencesToRemove"):
        if any(number_of(text, "Product") not in call.shop.products for text in given.get(side) or []):
            return side, "The target resource does not exist.", "REFERENCE_TARGET_DOES_NOT_EXIST"
    return None


def _update(call: Call, file: File, given: dict) -> list[int]:
    """Answers the products that it was taken from."""
    shop, at = call.shop, call.simulator.clock.seconds()
    file.updated_at = call.now
    if "alt" in given:
        file.alt = given["alt"] or ""
    if given.get("filename"):
        shop.catalog.file_names.pop(file.filename, None)
        file.filename = given["filename"]
        shop.catalog.file_names[file.filename] = file.id
    if given.get("originalSource"):
        file.source, file.ready_at = given["originalSource"], at + shop.knobs.media_seconds
        file.download = call.simulator.downloads.start(file.source)
    for text in given.get("referencesToAdd") or []:
        product = shop.products[number_of(text, "Product")]
        if file.id not in product.file_ids:
            product.file_ids.append(file.id)
    left = []
    for text in given.get("referencesToRemove") or []:
        product = shop.products[number_of(text, "Product")]
        if file.id in product.file_ids:
            product.file_ids.remove(file.id)
            left.append(product.id)
    return left


def delete_files(root, call: Call, arguments: dict) -> dict:
    found = [find_file(call.shop, text) for text in arguments["fileIds"]]
    problems = [
        user_error(["fileIds"], f"File id {text} does not exist.", "FILE_DOES_NOT_EXIST")
        for text, file in zip(arguments["fileIds"], found, strict=True)
        if file is None
    ]
    if problems:
        return {"deletedFileIds": None, "userErrors": problems}
    for file in found:
        for product_id in users_of(call.shop, file.id):
            take_from_product(call.shop, call.shop.products[product_id], [file.id])
            call.shop.products[product_id].updated_at = call.now
            call.shop.publish([("PRODUCTS_UPDATE", (product_id,))])
        delete_file(call.shop, file)
    return {"deletedFileIds": arguments["fileIds"], "userErrors": []}


def files(root, call: Call, arguments: dict) -> Page:
    values = {
        "CREATED_AT": lambda row: (row.created_at, row.id),
        "UPDATED_AT": lambda row: (row.updated_at, row.id),
        "FILENAME": lambda row: (row.filename, row.id),
    }
    key = values.get(arguments["sortKey"], id_key)
    rows = sorted(call.shop.catalog.files.values(), key=key)
    return page_of(call, arguments, rows, key, search_catalog(call, "files", arguments.get("query")))


def _of_every_file(kind: type[File]) -> dict:
    found = {
        "id": lambda file, call, arguments: file_gid(file),
        "alt": lambda file, call, arguments: file.alt,
        "createdAt": instant("created_at"),
        "updatedAt": instant("updated_at"),
        "fileStatus": status,
        "fileErrors": errors,
        "preview": preview,
    }
    if kind in CONTENT_TYPES:
        found |= {
            "status": status,
            "mediaErrors": errors,
            "mediaContentType": lambda file, call, arguments: CONTENT_TYPES[kind],
        }
    return {f"{KINDS[kind]}.{name}": resolve for name, resolve in found.items()}


RESOLVERS = {
    **connection_resolvers(["Media", "File"]),
    **_of_every_file(File),
    **_of_every_file(ExternalVideo),
    **_of_every_file(Video),
    **_of_every_file(Model3d),
    **_of_every_file(GenericFile),
    "Mutation.fileCreate": create_files,
    "Mutation.fileUpdate": update_files,
    "Mutation.fileDelete": delete_files,
    "QueryRoot.files": files,
    "MediaImage.image": image,
    "MediaImage.mimeType": mime_type,
    "GenericFile.mimeType": mime_type,
    "GenericFile.originalFileSize": lambda file, call, arguments: len(content_of(file)),
    "GenericFile.url": lambda file, call, arguments: (
        url_of(call.shop, file) if status(file, call, {}) == "READY" else None
    ),
    "Product.media": media_of_product,
    "Product.mediaCount": lambda product, call, arguments: exact_count(len(product.file_ids)),
    "Product.featuredMedia": featured_media,
    "ProductVariant.media": media_of_variant,
}
