"""search_with_optuna.py DATA MADDS TRIALS: Optuna proposes, seesaw makes the nets and trains them."""
import json, pathlib, subprocess, sys, tomllib
import optuna
from optuna.storages.journal import JournalFileBackend

def seesaw(*arguments):
    return subprocess.run(["seesaw", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

data, madds, trials = sys.argv[1], sys.argv[2], int(sys.argv[3])
zones = tomllib.loads(seesaw("search", "--show-space"))["zones"]
folder = pathlib.Path("optuna-search")
folder.mkdir(exist_ok=True)
storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "journal.log")))
study = optuna.create_study(study_name="blocks", storage=storage, load_if_exists=True)
for _ in range(trials):
    trial, choices = study.ask(), []
    for zone in zones:
        for key in (key for key in zone if key not in ("name", "stages") and len(zone[key]) > 1):
            level = trial.suggest_categorical(f"{zone['name']}.{key}", [str(value) for value in zone[key]])
            choices += ["--choose", f"{zone['name']}.{key}={level}"]
    net = folder / f"{trial.number}.toml"
    net.write_text(seesaw("search", "--madds", madds, *choices))
    log = seesaw("train", "--data", data, "--net", net, "--recipe", "cifar-modern", "--epochs", "3", "--val-split", "0.1",
                 "--set", "validate_every=3", "--out", folder / str(trial.number), "--json", *sys.argv[4:])
    study.tell(trial, sum(json.loads(line)["train_loss"] for line in log.splitlines()[1:]) / 2)
print(study.best_params)
