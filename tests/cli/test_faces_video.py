"""Tests darknet faces with a video: its crops equal those of the same frames as photographs."""
import io
import os

from avi import avi, mkv
from common import attempt_all, darknet, expect, expect_end, needed, read, skip, summary, write
from detector import make_detector

with needed():
    import numpy as np
    from PIL import Image

FACES = ("-mtcnn", "detector", "-min-face", "60", "-threads", "2")
WIDTH, HEIGHT, FRAMES = 200, 136, 30


def faces(*words):
    return darknet("faces", *words, *FACES)


def picture(number):
    """Returns a frame with a moving face. Every fifth frame has a second face."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image = np.zeros((HEIGHT, WIDTH, 3))
    for left in (number, 130)[:1 + (number % 5 == 0)]:
        inside = (x >= left) & (x < left + 64) & (y >= 40) & (y < 104)
        for c in range(3):
            image[..., c] += inside * (250 + 5 * np.sin((x - left) / (9 + c) + number))
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


def start():
    make_detector("detector")
    frames = []
    for number in range(1, FRAMES + 1):
        data = io.BytesIO()
        picture(number).save(data, "JPEG", quality=95, subsampling=0)
        frames.append(data.getvalue())
        write(f"photos/walk/frame-{number:06}.jpg", frames[-1])
    whole = avi(frames, WIDTH, HEIGHT)
    write("walk.avi", whole)
    write("short.avi", avi(frames[:5], WIDTH, HEIGHT, claimed=12))
    write("cut.avi", whole[:len(whole) // 2])
    times = [40 * i for i in range(20)] + [800 + 300 * i for i in range(FRAMES - 20)]
    unequal = mkv(frames, WIDTH, HEIGHT, times, times[-1] + 300)
    write("unequal.mkv", unequal)
    write("cut.mkv", unequal[:len(unequal) // 2])
    write("text.avi", "this is no video\n")
    write("empty.avi", "")
    write("new\nline.avi", whole)


def tree(folder):
    return sorted(os.path.relpath(os.path.join(top, name), folder)
                  for top, _, names in os.walk(folder) for name in names if name.endswith(".jpg"))


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), int)


def crops_are_those_of_photographs():
    done = faces("walk.avi", "out", "-sheet", "sheet.jpg", "-landmarks", "points.txt")
    expect_end(done)
    expect(done.stdout.startswith("30 frames, 30 new: 36 faces; 0 without a face, "
                                  "0 skipped, "), done.stdout)
    expect_end(faces("photos", "still", "-landmarks", "still.txt"))
    expect(tree("out") == tree("still") and len(tree("out")) == 36, (tree("out"), tree("still")))
    worst = max(np.abs(pixels(f"out/{name}") - pixels(f"still/{name}")).mean()
                for name in tree("out"))
    expect(worst < 2, f"crops differ by {worst:.2f} of 255: another decoder, the same frames")
    other = np.abs(pixels("out/walk/frame-000001.jpg") - pixels("still/walk/frame-000004.jpg"))
    expect(other.mean() > 2 * worst, (other.mean(), worst))
    expect(read("points.txt").count(b"walk/frame-0000") == 36, read("points.txt"))
    expect(read("sheet.jpg")[:3] == b"\xff\xd8\xff", "no sheet")


def some_frames():
    done = faces("walk.avi", "some", "-every", "7", "-frames", "2")
    expect_end(done)
    expect(tree("some") == ["walk/frame-000001.jpg", "walk/frame-000008.jpg"], tree("some"))
    done = faces("walk.avi", "some", "-every", "7")
    expect(done.stdout.startswith("5 frames, 3 new: 6 faces"), done.stdout)
    os.unlink("some/walk/frame-000008.jpg")
    done = faces("walk.avi", "some", "-every", "7")
    expect(done.stdout.startswith("5 frames, 1 new: 6 faces"), done.stdout)
    for name in tree("some"):
        expect(read(f"some/{name}") == read(f"out/{name}"), name)
    expect_end(faces("walk.avi", "some"), 1, "every=7", "not min-face=60 largest=0 every=1 ")
    expect_end(faces("short.avi", "some", "-every", "7"), 1, "some/faces.record: lists crops of",
               "/walk.avi, not of ", "/short.avi; -overwrite makes them again")
    expect_end(faces("walk.avi", "some", "-overwrite"))
    expect(len(tree("some")) == 36, tree("some"))


def videos_that_end_early():
    for name, count in (("short", 5), ("cut", None)):
        done = faces(f"{name}.avi", name)
        expect_end(done, 1, f"{name}.avi: has {12 if count else FRAMES} frames, but only ",
                   " can be read\n")
        expect(f"{name}.avi: has ".encode() in read(f"{name}/skipped.txt"), "not in the list")
        found = len({n.split(".")[0] for n in tree(name)})
        expect(found == count if count else 9 < found < 21, (name, found))
    whole = len(tree("cut"))
    expect_end(faces("cut.avi", "less", "-frames", "3"))  # the first 3 frames of cut.avi are whole
    expect_end(faces("cut.avi", "less", "-frames", "40"), 1, "cut.avi: has 30 frames, but only ")
    expect(len(tree("less")) == whole, (tree("less"), whole))


def frames_of_unequal_length():
    """A video with frames of unequal duration: its header gives no number of frames."""
    done = faces("unequal.mkv", "unequal")
    expect_end(done)
    expect(done.stdout.startswith("30 frames, 30 new: "), done.stdout)
    expect_end(faces("cut.mkv", "cut-unequal"), 1, "cut.mkv: has ", " frames, but only ")


def what_is_no_video():
    for name in ("text.avi", "empty.avi"):
        expect_end(faces(name, "none"), 1, f"{name}: is not a video that OpenCV can read\n")
    expect_end(faces("new\nline.avi", "none"), 1, "has a line break in its name: rename it")
    expect(not os.path.exists("none/faces.record"), "a record of nothing")


def cameras():
    done = faces("camera:97", "none")
    expect_end(done, 1, "camera:97: there is no such camera, or another program uses it\n")


def what_every_build_says():
    expect_end(faces("nowhere.avi", "none"), 1, "nowhere.avi: cannot open: No such file")
    expect_end(faces("photos", "none", "-every", "2"), 2,
               "darknet: -every and -frames are for videos, and photos is none\n")
    expect_end(faces("walk.avi", "none", "-every", "0"), 2, "-every 0: must be a whole number")
    os.makedirs("folder.avi", exist_ok=True)
    expect_end(faces("folder.avi", "none"), 1, "folder.avi: no images\n")
    expect_end(faces("camera:x", "none"), 1, "camera:x: cannot open: No such file")


def what_a_build_without_it_says():
    for path, what in (("camera:0", "camera"), ("walk.avi", "video")):
        expect_end(faces(path, "none"), 1,
                   f"{path}: frames of a {what} are read by OpenCV, which {NEEDS}")


NEEDS = "is not in this build: `make opencv-deps`, then `make OPENCV=1`\n"
if NEEDS in darknet("faces", "camera:0", "none").stderr:
    attempt_all(start, what_every_build_says, what_a_build_without_it_says)
    skip("frames of a video", "built without OPENCV=1")
else:
    attempt_all(start, what_every_build_says, crops_are_those_of_photographs, some_frames,
                videos_that_end_early, frames_of_unequal_length, what_is_no_video, cameras)
summary()
