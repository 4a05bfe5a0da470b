# ---- 00.1, the shape of a clip

right("00.1")((32, 12, 64, 48, 3))
right("00.1")([32, 12, 64, 48, 3])
right("00.1")(keras.Input((12, 64, 48, 3), batch_size=32).shape)

wrong("00.1", "axis 2 (height) is not 3")((32, 12, 3, 64, 48))
wrong("00.1", "axis 2 (height) is not 48")((32, 12, 48, 64, 3))
wrong("00.1", "axis 0 (clip) is not 12")((12, 32, 64, 48, 3))
wrong("00.1", "axis 4 (channels) is not 1")((32, 12, 64, 48, 1))
wrong("00.1", "you gave 4")((12, 64, 48, 3))
wrong("00.1", "axis 0 (clip) is not None")((None, 12, 64, 48, 3))
wrong("00.1", "give a tuple")("(32, 12, 64, 48, 3)")
wrong("00.1", "still to fill in: time, channels")((32, ..., 64, 48, ...))
wrong("00.1", "axis 3 (width) is not 64")((32, ..., 64, 64, ...))

# ---- 00.2, what the answer depends on

CHOICE = {"which digit": "CNN only", "which way": "LSTM only", "both": "CNN -> LSTM"}

right("00.2")(CHOICE)
right("00.2")(dict(reversed(CHOICE.items())))
right("00.2")(CHOICE | {"both": "CNN → LSTM"})
right("00.2")(CHOICE | {"both": "CNN->LSTM"})

wrong("00.2", "CNN -> LSTM works for 'which digit'")(dict.fromkeys(CHOICE, "CNN -> LSTM"))
wrong("00.2", "'both' depends on shape")(CHOICE | {"both": "LSTM only"})
wrong("00.2", "'both' depends on order")(CHOICE | {"both": "CNN only"})
wrong("00.2", "'which way' depends on order")(CHOICE | {"which way": "CNN only"})
wrong("00.2", "'which digit' depends on shape")(CHOICE | {"which digit": "LSTM only"})
wrong("00.2", "'CNN' is none of")(CHOICE | {"which digit": "CNN"})
wrong("00.2", "is none of")(CHOICE | {"both": ["CNN only", "LSTM only"]})
wrong("00.2", "give a dict with which digit")(list(CHOICE.values()))
wrong("00.2", "still to fill in: which way, both")({"which digit": "CNN only", "which way": ..., "both": ...})
