"""What there is to read, however it is named and wherever it lies."""

import io
import os
import tarfile

import fsspec
import pytest
from stand_in_archive import write_photo

from fused_ocr.archive.listing import list_photos, photo_name
from fused_ocr.archive.reading import decode
from fused_ocr.errors import ImageError

ODD = ["a b.png", "new\nline.png", "\N{SNAKE}.png", "quo'te[1].png", "n" * 251 + ".png"]


def names(*photos):
    listing = list_photos([str(photo) for photo in photos])
    return listing.sources["photo"].to_pylist(), list(listing.skipped)


def test_folders_with_their_subfolders_and_odd_names(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for i, name in enumerate(ODD):
        write_photo(tmp_path / "deep" / "er" / name, i)
    write_photo(tmp_path / "UPPER.PNG", 0)
    (tmp_path / "notes.txt").write_text("no photo")
    found, skipped = names(tmp_path)
    expected = [str(tmp_path / "deep" / "er" / name) for name in ODD]
    assert found == sorted([*expected, str(tmp_path / "UPPER.PNG")])
    assert skipped == []


def test_a_name_that_is_no_text_becomes_a_uri_that_opens(tmp_path):
    name = os.fsdecode(b"\xff\xfe.png")
    write_photo(tmp_path / name, 3)
    listing = list_photos([str(tmp_path)])
    (row,) = listing.sources.to_pylist()
    assert row["photo"] == f"file://{tmp_path}/%FF%FE.png"
    assert decode(row).shape == (12, 16, 3)


def test_photos_named_twice_are_listed_once(tmp_path, monkeypatch):
    write_photo(tmp_path / "a.png", 0)
    write_photo(tmp_path / "b.png", 1)
    monkeypatch.chdir(tmp_path)
    found, _ = names(tmp_path, "a.png", "*.png", "./b.png", tmp_path / "a.png")
    assert found == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]


def test_patterns(tmp_path):
    (tmp_path / "x" / "y").mkdir(parents=True)
    write_photo(tmp_path / "x" / "1.png", 0)
    write_photo(tmp_path / "x" / "y" / "2.png", 1)
    (tmp_path / "x" / "y" / "notes.txt").write_text("no photo")
    everything = [str(tmp_path / "x" / "1.png"), str(tmp_path / "x" / "y" / "2.png")]
    assert names(tmp_path / "x" / "**")[0] == everything
    assert names(tmp_path / "x" / "**" / "*.png")[0] == everything
    assert names(tmp_path / "?")[0] == everything
    assert names(tmp_path / "*.jpg") == ([], [f"{tmp_path}/*.jpg: nothing matches"])


def test_what_is_not_there_loses_nothing_else(tmp_path):
    write_photo(tmp_path / "a.png", 0)
    os.mkfifo(tmp_path / "pipe.png")
    found, skipped = names(tmp_path / "b.png", tmp_path / "pipe.png", tmp_path, "a\0b")
    assert found == [str(tmp_path / "a.png")]
    assert skipped[0] == f"{tmp_path}/b.png: No such file or directory"
    assert skipped[1] == f"{tmp_path}/pipe.png: neither a file nor a folder"
    assert len(skipped) == 3 and "null" in skipped[2]


def test_links(tmp_path):
    (tmp_path / "in" / "side").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    write_photo(tmp_path / "out" / "a.png", 0)
    (tmp_path / "in" / "out").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "side" / "circle").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "in" / "self.png").symlink_to(tmp_path / "in" / "self.png")
    found, skipped = names(tmp_path / "in")
    top = tmp_path / "in"
    # A link that leads nowhere is listed: its row in the index says so.
    assert found == [f"{top}/{n}" for n in ("gone.png", "out/a.png", "self.png")]
    assert len(skipped) == 1 and "circle: a link to a folder" in skipped[0]


def test_a_folder_without_permission_is_told_of(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    write_photo(tmp_path / "a.png", 0)
    scandir = os.scandir

    def refuse(folder):  # the tests may run as root, whom no folder refuses
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found, skipped = names(tmp_path)
    assert found == [str(tmp_path / "a.png")]
    assert skipped == [f"{tmp_path}/closed: Permission denied"]


def shard(path, count=3):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for i in range(count):
            write_photo(path.parent / "one.png", i)
            archive.add(path.parent / "one.png", f"in/{i}.png")
        archive.addfile(tarfile.TarInfo("in/label.json"), io.BytesIO())
    (path.parent / "one.png").unlink()
    return path


def test_tar_shards(tmp_path):
    path = shard(tmp_path / "shard.tar")
    listing = list_photos([str(tmp_path)])
    rows = listing.sources.to_pylist()
    assert [row["photo"] for row in rows] == [f"{path}::in/{i}.png" for i in range(3)]
    assert [decode(row)[0, 0, 0] for row in rows] == [0, 7, 14]
    assert listing.skipped == ()


def test_of_members_of_one_name_the_last_counts(tmp_path):
    path = tmp_path / "twice.tar"
    with tarfile.open(path, "w") as archive:
        for i in (1, 2):
            write_photo(tmp_path / "one.png", i)
            archive.add(tmp_path / "one.png", "same.png")
    (row,) = list_photos([str(path)]).sources.to_pylist()
    assert decode(row)[0, 0, 0] == 14


@pytest.mark.parametrize("cut", [700, 1024, 1500])
def test_a_truncated_shard_gives_what_is_before(tmp_path, cut):
    # A header and a padded photo are 1024 bytes: cut in the photo, between two members,
    # and in the next header.
    path = shard(tmp_path / "shard.tar")
    path.write_bytes(path.read_bytes()[:cut])
    write_photo(tmp_path / "whole.png", 0)
    listing = list_photos([str(tmp_path)])
    rows = listing.sources.to_pylist()
    assert [row["photo"] for row in rows] == [
        f"{path}::in/0.png",
        str(tmp_path / "whole.png"),
    ]
    (reason,) = listing.skipped
    assert reason.startswith(f"{path}: damaged or truncated after 1 members")


def test_a_member_that_is_cut_off_says_so(tmp_path):
    path = shard(tmp_path / "shard.tar", 1)
    path.write_bytes(path.read_bytes()[:530])
    (row,) = list_photos([str(path)]).sources.to_pylist()
    with pytest.raises(ImageError, match="its shard ends after 18 of its"):
        decode(row)


def test_what_is_no_shard(tmp_path):
    (tmp_path / "text.tar").write_text("no tar")
    (tmp_path / "empty.tar").touch()
    found, skipped = names(tmp_path)
    assert found == [] and len(skipped) == 2


def test_object_stores(tmp_path):
    store = fsspec.filesystem("memory")
    path = shard(tmp_path / "shard.tar", 2)
    write_photo(tmp_path / "a b.png", 5)
    store.pipe("/bucket/photos/a b.png", (tmp_path / "a b.png").read_bytes())
    store.pipe("/bucket/photos/notes.txt", b"no photo")
    store.pipe("/bucket/shard.tar", path.read_bytes())
    try:
        listing = list_photos(["memory://bucket"])
        rows = listing.sources.to_pylist()
        assert [row["photo"] for row in rows] == [
            "memory:///bucket/photos/a b.png",
            "memory:///bucket/shard.tar::in/0.png",
            "memory:///bucket/shard.tar::in/1.png",
        ]
        assert [decode(row)[0, 0, 0] for row in rows] == [35, 0, 7]
        assert names("memory://bucket/*/*.png")[0] == [rows[0]["photo"]]
        assert names("memory://bucket/photos/a b.png")[0] == [rows[0]["photo"]]
        assert names("memory://nothing") == ([], ["memory://nothing: nothing is there"])
    finally:
        store.rm("/bucket", recursive=True)


def test_files_by_uri_are_files(tmp_path):
    write_photo(tmp_path / "a.png", 0)
    assert names(f"file://{tmp_path}") == ([str(tmp_path / "a.png")], [])
    _, (reason,) = names("nonsense://x")
    assert reason.startswith("nonsense://x: ")


def test_a_photo_has_one_name():
    assert photo_name("/a/../b.png") == "/b.png"
