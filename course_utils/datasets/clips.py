"""Clips: handwritten digits that move, hide or bounce, and photographs under a moving camera."""

from functools import cache

import numpy as np

from course_utils.datasets.base import SPLITS, Split, assemble, installed_files, whole_number

MOTIONS = {  # what a digit does -> (rows, columns) per frame, in units of speed
    "right": (0, 1),
    "left": (0, -1),
    "up": (-1, 0),
    "down": (1, 0),
    "up right": (-1, 1),
    "up left": (-1, -1),
    "down right": (1, 1),
    "down left": (1, -1),
}
MOVES = {  # what the camera does -> (rows down, columns right, log of the distance, turn clockwise)
    "pan right": (0, 1, 0, 0),
    "pan left": (0, -1, 0, 0),
    "tilt up": (-1, 0, 0, 0),
    "tilt down": (1, 0, 0, 0),
    "zoom in": (0, 0, -0.6, 0),
    "zoom out": (0, 0, 0.6, 0),
    "roll right": (0, 0, 0, 1),
    "roll left": (0, 0, 0, -1),
}
BAR, GREY = 5, 0.5  # how wide a bar is in front of digits, and how bright

# ------------------------------------------------------------------------------- moving digits


def moving_digits(frames=8, size=24, digit_size=16, speed=2, clips=(3200, 400, 800), seed=0):
    """Clips of a handwritten digit that travels over a torus. Two labels: which digit, which motion.

    The frame has no walls: what leaves on one side comes back on the other. A digit starts anywhere, so
    no single frame gives the motion away. Labels are balanced and independent. The digits of train,
    validation and test are different ones, whatever the seed.

    Parameters
    ----------
    frames : int or (int, int)
        Frames in a clip. A pair (shortest, longest) makes clips of unequal length, padded with
        zeros at the end; `lengths` and `mask` of each split say which frames are real.
    size : int
        Height and width of a frame in pixels.
    digit_size : int
        Height and width of the digit in it.
    speed : int
        Pixels from frame to frame; a diagonal moves that far along both axes.
    clips : (int, int, int)
        Clips to compose for train, validation and test.
    seed : int
        The same seed always gives the same clips.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> data = moving_digits(frames=8, clips=(320, 40, 80))
    >>> data.train.x.shape                       # (clip, time, height, width, channels)
    (320, 8, 24, 24, 1)
    >>> data.class_names["motion"][data.train.y["motion"][0]] in MOTIONS
    True
    """
    shortest, longest = _frames(frames)
    size = whole_number("size", size, 8, 128, "24 is small enough to train fast.")
    hint = "The digit has to fit in the frame: lower digit_size or raise size."
    digit_size = whole_number("digit_size", digit_size, 4, size, hint)
    hint = "A digit that jumps half the frame or more seems to go the other way: lower speed or raise size."
    speed = whole_number("speed", speed, 1, (size - 1) // 2, hint)
    seed = whole_number("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    pools, counts = _pools(digit_size, clips, longest * size * size)
    velocities = np.array(list(MOTIONS.values())) * speed

    def compose(split, epoch=0):
        pool, n = pools[split], counts[split]
        rng = np.random.default_rng((seed, SPLITS.index(split), epoch))
        order = rng.permutation(n)  # 80 in a row hold each pair of a digit and a motion once
        digit, motion = order % 10, (order + order // 40) % 8
        each = np.tile(np.arange(pool.shape[1]), (10, 1))
        turns = rng.permuted(each, axis=1)  # each digit before any twice
        writing = turns[digit, order // 10 % pool.shape[1]]
        scene = np.zeros((n, size, size), "float32")
        scene[:, :digit_size, :digit_size] = pool[digit, writing]
        place = rng.integers(size, size=(n, 1, 2)) + np.arange(longest)[:, None] * velocities[motion][:, None]
        rows, columns = np.moveaxis((np.arange(size) - place[..., None]) % size, 2, 0)  # (clip, time, pixel)
        x = scene[np.arange(n)[:, None, None, None], rows[..., None], columns[:, :, None]][..., None]
        labels = {"digit": digit, "motion": motion}
        if shortest == longest:
            return Split(x, labels)
        padded = Split(x, labels, rng.integers(shortest, longest + 1, n))
        x[~padded.mask] = 0
        return padded

    return assemble("moving_digits", compose, {"digit": tuple("0123456789"), "motion": tuple(MOTIONS)})


@cache
def _digits():
    """All digits by class (10, 500, 20, 20), without the margin of 4 pixels, in the order of the file."""
    table = np.loadtxt(installed_files("moving_digits")[0]["path"], delimiter=",", dtype="uint8")
    by_class = table[np.argsort(table[:, -1], kind="stable"), :-1].reshape(10, 500, 28, 28)
    return by_class[:, :, 4:-4, 4:-4].astype("float32") / 255


def _pools(digit_size, clips, pixels):
    """The digits of each split (class, number, row, column), resized, and how many clips each split has."""
    test, validation, train = np.split(_resize(_digits(), digit_size), [50, 100], axis=1)
    pools = {"train": train, "validation": validation, "test": test}
    limits = [len(MOTIONS) * 10 * pool.shape[1] for pool in pools.values()]
    return pools, _counts(clips, limits, "That is 8 clips of each of its digits.", pixels)


def _numbers(order, digits):
    """Which digits the clips show (digit, clip): balanced, and in no clip the same one twice."""
    return np.stack([order % 10, (order + 1 + order // 10 % 9) % 10])[:digits]


def _resize(images, size):
    """Resize square images (..., old, old): each new pixel is a weighted mean of old ones (no aliasing)."""
    old = images.shape[-1]
    centres = (np.arange(size) + 0.5) * old / size - 0.5
    weights = np.clip(1 - np.abs(np.arange(old) - centres[:, None]) / max(old / size, 1), 0, None)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
    return np.clip(weights @ images @ weights.T, 0, 1)


# ------------------------------------------------------------------------------- hidden digits


def hidden_digit(
    digits=1, visible=3, frames=12, size=24, digit_size=16, clutter=4, clips=(2400, 400, 800), seed=0
):
    """Clips of clutter in which a digit shows for a few frames in a row. Which digit is it?

    Every frame is made anew: the handwriting of the digit, its place, the clutter around and over it, and how
    bright the frame is. So no two frames are equal. Clutter is pieces of digits, half as high and wide as a
    digit. The digit takes the place of three pieces, so that the amount of ink does not tell where it is.
    With two digits, one appears after the other; they are never equal. The digits of train, validation and
    test are different ones, whatever the seed, in the clutter too.

    Parameters
    ----------
    digits : {1, 2}
        How many digits appear. One: `y["digit"]`. Two: `y["first"]` and `y["second"]`.
    visible : int
        Frames for which a digit shows.
    frames : int
        Frames in a clip.
    size : int
        Height and width of a frame in pixels.
    digit_size : int
        Height and width of the digit in it.
    clutter : int
        Pieces in each frame. With 0 the digit stands alone, and all frames are equally bright.
    clips : (int, int, int)
        Clips to compose for train, validation and test.
    seed : int
        The same seed always gives the same clips.

    Returns
    -------
    Dataset
        `centre` of each split says where the digit is, frame by frame, and `shown` whether there is one.

    Examples
    --------
    >>> data = hidden_digit(clips=(320, 40, 80))
    >>> data.train.x.shape                       # (clip, time, height, width, channels)
    (320, 12, 24, 24, 1)
    >>> data.train.shown.sum(axis=1)[:4]         # in how many of its 12 frames a clip shows its digit
    array([3, 3, 3, 3])
    """
    digits = whole_number("digits", digits, 1, 2, "With two, ask which came first.")
    frames = whole_number("frames", frames, digits, 64, "There has to be a frame for each digit.")
    hint = "The digits, one after the other, have to fit in the clip: lower visible or raise frames."
    visible = whole_number("visible", visible, 1, frames // digits, hint)
    size = whole_number("size", size, 8, 128, "24 is small enough to train fast.")
    hint = "The digit has to fit in the frame: lower digit_size or raise size."
    digit_size = whole_number("digit_size", digit_size, 4, size, hint)
    clutter = whole_number("clutter", clutter, 0, 64, "With 3 or fewer a digit stands alone in its frames.")
    seed = whole_number("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    pools, counts = _pools(digit_size, clips, frames * size * size)
    side, names = digit_size // 2, ("digit",) if digits == 1 else ("first", "second")

    def compose(split, epoch=0):
        pool, n = pools[split], counts[split]
        rng = np.random.default_rng((seed, SPLITS.index(split), epoch))
        order = rng.permutation(n)
        number = _numbers(order, digits)
        begin = np.sort(rng.integers(frames - digits * visible + 1, size=(digits, n)), axis=0)
        begin += visible * np.arange(digits)[:, None]
        x = np.zeros((n, frames, size, size), "float32")
        centre = np.full((n, frames, 2), np.nan, "float32")
        clip = np.arange(n)[:, None, None]
        for k in range(digits):
            for time in begin[k] + np.arange(visible)[:, None]:
                corner = rng.integers(size - digit_size + 1, size=(n, 2))
                image = pool[number[k], rng.integers(pool.shape[1], size=n)]
                x[clip, time[:, None, None], *_square(corner, digit_size)] = image
                centre[np.arange(n), time] = corner + (digit_size - 1) / 2
        for time in range(frames):
            taken = ~np.isnan(centre[:, time, :1, None])  # a digit takes the place of three pieces
            for number_of_piece in range(clutter):
                whole = pool[rng.integers(10, size=n), rng.integers(pool.shape[1], size=n)]
                cut = _square(rng.integers(digit_size - side + 1, size=(n, 2)), side)
                at = clip, time, *_square(rng.integers(size - side + 1, size=(n, 2)), side)
                x[at] = np.maximum(x[at], whole[clip, *cut] * ~(taken & (number_of_piece < 3)))
        if clutter:
            x *= rng.uniform(0.5, 1, size=(n, frames, 1, 1)).astype("float32")
        return Split(x[..., None], dict(zip(names, number, strict=True)), centre=centre)

    return assemble("hidden_digit", compose, dict.fromkeys(names, tuple("0123456789")))


def _square(corner, side):
    """Rows and columns of squares with these upper left corners (clip, 2), as an index takes them."""
    rows, columns = corner.T[..., None] + np.arange(side)
    return rows[..., None], columns[:, None]


# ------------------------------------------------------------------------------- bouncing digits


def bouncing_digits(
    digits=1, bar=False, frames=12, size=24, digit_size=12, speed=3, clips=(2400, 400, 800), seed=0
):
    """Clips of a handwritten digit that flies straight on and bounces off the walls. What comes next?

    Each clip has its own velocity, in whole pixels down and to the right for each frame; a digit never stands
    still. At a wall one of the two changes its sign, so that a digit always stays wholly inside. Where two
    digits overlap, the brighter pixel is seen. The digits of train, validation and test are different ones,
    whatever the seed.

    Parameters
    ----------
    digits : {1, 2}
        How many digits fly. One: `y["digit"]`. Two: `y["first"]` and `y["second"]`, never equal.
    bar : bool
        Whether an upright grey bar stands in the middle, 5 pixels wide, and hides what is behind it.
    frames : int
        Frames in a clip.
    size : int
        Height and width of a frame in pixels.
    digit_size : int
        Height and width of a digit in it.
    speed : int
        The most pixels from frame to frame, along each axis.
    clips : (int, int, int)
        Clips to compose for train, validation and test.
    seed : int
        The same seed always gives the same clips.

    Returns
    -------
    Dataset
        `centre` of each split says where the digits are, frame by frame, behind the bar, too.

    Examples
    --------
    >>> data = bouncing_digits(clips=(320, 40, 80))
    >>> data.train.x.shape                       # (clip, time, height, width, channels)
    (320, 12, 24, 24, 1)
    >>> given, target = data.train.x[:, :-1], data.train.x[:, 1:]  # each frame is asked for from those before
    """
    digits = whole_number("digits", digits, 1, 2, "More would hide each other.")
    if not isinstance(bar, bool | np.bool_):
        raise ValueError(f"bar={bar!r} cannot be: use True or False. True puts a bar in front of the digits.")
    frames = whole_number("frames", frames, 1, 64, "A digit is at the far wall in fewer than 20.")
    size = whole_number("size", size, 8, 128, "24 is small enough to train fast.")
    hint = "The digit needs room to move: lower digit_size or raise size."
    digit_size = whole_number("digit_size", digit_size, 4, size - 1, hint)
    room = size - digit_size
    hint = "A digit cannot be faster than from wall to wall: lower speed or digit_size, or raise size."
    speed = whole_number("speed", speed, 1, room, hint)
    seed = whole_number("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    pools, counts = _pools(digit_size, clips, frames * size * size)
    names = ("digit",) if digits == 1 else ("first", "second")
    grid = np.stack(np.meshgrid(*[np.arange(-speed, speed + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
    velocities = grid[grid.any(axis=1)]

    def compose(split, epoch=0):
        pool, n = pools[split], counts[split]
        rng = np.random.default_rng((seed, SPLITS.index(split), epoch))
        number = _numbers(rng.permutation(n), digits)
        writing = rng.integers(pool.shape[1], size=(digits, n))
        start = rng.integers(room + 1, size=(n, digits, 2))
        velocity = velocities[rng.integers(len(velocities), size=(n, digits))]
        places = np.moveaxis(bounced(start, velocity, frames, room), 2, 1)  # (clip, time, digit, 2)
        x = drawn(np.moveaxis(pool[number, writing], 0, 1), places, size, bar)
        centre = (places + (digit_size - 1) / 2).astype("float32")
        centre = centre[:, :, 0] if digits == 1 else centre
        return Split(x, dict(zip(names, number, strict=True)), centre=centre)

    return assemble("bouncing_digits", compose, dict.fromkeys(names, tuple("0123456789")))


def bounced(start, velocity, frames, room):
    """Places of what flies straight on and bounces off walls at 0 and at `room`.

    Parameters
    ----------
    start, velocity : int array (..., 2)
        The place at first, from 0 to `room`, and the step from frame to frame: rows and columns.
    frames : int
        How many places.
    room : int or (int, int)
        The last place there is, along rows and along columns.

    Returns
    -------
    int array (..., frames, 2)

    Examples
    --------
    >>> bounced([0, 9], [1, 3], 4, 12)           # the column goes 9, 12 and then back
    array([[ 0,  9],
           [ 1, 12],
           [ 2,  9],
           [ 3,  6]])
    """
    there = _straight(start, velocity, frames)  # as if there were no walls
    return room - np.abs(there % (2 * np.asarray(room)) - room)


def wrapped(start, velocity, frames, size):
    """Places of what flies straight on over a torus, as `bounced`: what leaves comes in on the other side."""
    return _straight(start, velocity, frames) % size


def _straight(start, velocity, frames):
    start, velocity = (np.asarray(given)[..., None, :] for given in (start, velocity))
    return start + np.arange(frames)[:, None] * velocity


def drawn(images, places, size, bar=False):
    """Frames in which images stand at their places, the brighter pixel in front.

    Parameters
    ----------
    images : array (clip, digit, height, width)
        Numbers from 0 to 1.
    places : int array (clip, time, digit, 2)
        Row and column of each image's upper left corner; what leaves the frame comes in on the other side.
    size : int
        Height and width of the frames.
    bar : bool
        Whether a grey bar stands in front, 5 pixels wide.

    Returns
    -------
    array (clip, time, size, size, 1), float32
    """
    n, time, digits, _ = places.shape
    x = np.zeros((n, time, size, size), "float32")
    clip, frame = np.arange(n)[:, None, None, None], np.arange(time)[:, None, None]
    for k in range(digits):
        rows, columns = (
            (places[:, :, k, axis, None] + np.arange(side)) % size
            for axis, side in enumerate(images.shape[2:])
        )
        at = clip, frame, rows[..., None], columns[:, :, None]
        x[at] = np.maximum(x[at], images[:, k, None])
    if bar:
        x[..., behind_bar(size)] = GREY
    return x[..., None]


def behind_bar(size):
    """The columns of a frame that a bar in its middle hides."""
    return slice((size - BAR) // 2, (size + BAR) // 2)


# ------------------------------------------------------------------------------- camera moves


def camera_moves(frames=8, size=24, clips=(3000, 400, 800), seed=0):
    """Clips of a virtual camera over real photographs, in grey. One label: what the camera does.

    It pans, tilts, zooms or rolls. Place, tilt of the horizon, distance and amount of motion are random,
    so no single frame gives the move away. It is the camera that moves: pan right, and the picture goes
    left. The photographs of train, validation and test are different ones. Each clip is
    standardised: mean 0, variance 1.

    Parameters
    ----------
    frames : int
        Frames in a clip. More frames show the same move in finer steps.
    size : int
        Height and width of a frame in pixels.
    clips : (int, int, int)
        Clips to compose for train, validation and test.
    seed : int
        The same seed always gives the same clips.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> data = camera_moves(clips=(80, 16, 16))
    >>> data.validation.x.shape                  # (clip, time, height, width, channels)
    (16, 8, 24, 24, 1)
    >>> data.class_names["move"][4]
    'zoom in'
    """
    from scipy import ndimage

    frames = whole_number("frames", frames, 1, 64, "Clips of unequal length are for moving_digits.")
    size = whole_number("size", size, 8, 64, "24 is small enough to train fast.")
    seed = whole_number("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    photos = _photos(size)
    limits = [250 * len(MOVES) * len(photos[split]) for split in SPLITS]
    counts = _counts(clips, limits, "More would show the same places again.", frames * size * size)
    moves = np.array(list(MOVES.values()), "float32")
    progress = np.arange(frames)[:, None] / max(frames - 1, 1) - 0.5  # the middle of the clip is at 0
    grid = np.arange(size) - (size - 1) / 2  # a pixel's place in the frame, seen from its centre

    def compose(split, epoch=0):
        n, sources = counts[split], photos[split]
        rng = np.random.default_rng((seed, SPLITS.index(split), epoch))
        order = rng.permutation(n)
        move, source = order % 8, order // 8 % len(sources)
        amount = rng.uniform(0.35, 0.7, (n, 1, 1))  # how far the middle of an edge travels, in half frames
        path = amount * moves[move][:, None] * progress  # (clip, frames, 4)
        down, right, distance, turn = np.moveaxis(path, 2, 0)[..., None, None]
        # Distances vary far more than any zoom: else the sharpness of one frame would betray it.
        zoom = np.exp(distance + rng.uniform(-0.6, 0.6, (n, 1, 1, 1)))
        angle = turn + rng.uniform(-np.pi, np.pi, (n, 1, 1, 1))
        sine, cosine = zoom * np.sin(angle), zoom * np.cos(angle)
        rows = grid[:, None] + down * size / 2  # (clip, frames, size, 1)
        columns = grid + right * size / 2  # (clip, frames, 1, size)
        x = np.empty((n, frames, size, size), "float32")
        for number, (photo, spots) in enumerate(sources):
            at = source == number
            place = rng.choice(spots, at.sum()).T[..., None, None, None]  # (2, clip, 1, 1, 1)
            r, c = rows[at], columns[at]
            seen = np.stack([r * cosine[at] + c * sine[at], c * cosine[at] - r * sine[at]]) + place
            x[at] = ndimage.map_coordinates(photo, seen, order=1, mode="nearest")  # between pixels: bilinear
        x -= x.mean(axis=(1, 2, 3), keepdims=True)
        x /= x.std(axis=(1, 2, 3), keepdims=True)
        return Split(x[..., None], {"move": move})

    return assemble("camera_moves", compose, {"move": tuple(MOVES)})


@cache
def _photos(size):
    """For each split its photographs, as pairs (grey image, places (n, 2) where there is enough to see)."""
    from PIL import Image
    from scipy import ndimage

    photos = {split: [] for split in SPLITS}
    margin = int(1.6 * size)  # the farthest any camera looks from the middle of its path
    for file in installed_files("camera_moves"):
        image = Image.open(file["path"]).convert("L")
        shape = [round(side * 6 * size / min(image.size)) for side in image.size]  # short side: 6 frames
        photo = np.asarray(image.resize(shape, Image.Resampling.LANCZOS), "float32") / 255
        # A place is as good as its weaker direction: along a straight edge nothing seems to move.
        down, right = np.gradient(photo)
        a, b, c = (ndimage.uniform_filter(part, size) for part in (down**2, right**2, down * right))
        weaker = ((a + b) / 2 - np.hypot((a - b) / 2, c))[margin:-margin, margin:-margin]
        photos[file["split"]].append((photo, np.argwhere(weaker >= np.quantile(weaker, 2 / 3)) + margin))
    return photos


def _frames(frames):
    if not isinstance(frames, (tuple, list)):
        return (
            whole_number("frames", frames, 1, 64, "A pair like (4, 12) makes clips of unequal length."),
        ) * 2
    if len(frames) != 2:
        raise ValueError(f"frames={frames!r} cannot be: use a number like 8 or a pair (shortest, longest).")
    longest = whole_number("frames[1]", frames[1], 1, 64, "It is the length of the longest clip.")
    return whole_number("frames[0]", frames[0], 1, longest, "It is the length of the shortest clip."), longest


def _counts(clips, limits, why, pixels):
    """Clips per split as ints, if the images can give that many and two gigabytes can hold them."""
    if not isinstance(clips, (tuple, list)) or len(clips) != 3:
        raise ValueError(f"clips={clips!r} cannot be: use three counts, (train, validation, test).")
    counts = [whole_number(f"clips[{i}]", clips[i], 1, limits[i], f"({SPLITS[i]}) {why}") for i in range(3)]
    if sum(counts) * pixels * 4 > 2e9:
        raise ValueError(
            f"clips={clips!r} cannot be: these clips need {sum(counts) * pixels * 4 / 1e9:.1f} GB of memory, "
            "and 2 GB are allowed. Ask for fewer clips, fewer frames or a smaller size."
        )
    return dict(zip(SPLITS, counts, strict=True))
