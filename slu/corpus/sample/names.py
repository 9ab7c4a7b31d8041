"""Invented names of people, songs and places, to measure how a model deals with names that it has never seen.

``python -m slu.corpus.sample.names DIRECTORY`` writes the files of ``data/new_names``. The same seed gives the same
names on every platform.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛奚范彭郎鲁韦昌马苗花方俞任袁柳鲍史唐费廉岑薛"
    "雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元顾孟黄和穆萧尹姚邵汪祁毛禹狄米贝明臧计成戴宋茅庞熊纪舒屈项祝董梁"
)
DOUBLE_SURNAMES = "欧阳、诸葛、司马、上官、夏侯、东方、慕容、令狐、宇文、长孙、公孙、端木".split("、")
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂兰英梅凯莹雪琳晨曦宇轩梓涵子墨雨欣诗琪俊浩然思远嘉懿皓祯君泽瑾瑜弘文哲瀚立果博涛绍辉"
    "苑婕昕冉茗舒岚逸帆睿渊澈朔骁翊珩钰玥璟妤婉筠菡"
)
WHEN = "昨夜、第七个冬天、三月、黄昏、雨后、凌晨四点、最后一班车、那年夏天、午后、旧时光、明天、十二月".split("、")
WHERE = "云端、旧码头、山的那边、空房间、长街尽头、麦田、月台、屋顶、海平线、纸船上、玻璃窗外、沙漠".split("、")
THING = "石头、信鸽、萤火虫、蓝雨伞、风筝线、琥珀、纸飞机、木吉他、灯塔、流沙、候鸟、白帆、铁轨、钟摆".split("、")
DOES = "不说话、会唱歌、睡着了、等风来、慢慢走、忘了归途、在发光、写给你、开往南方、没有名字".split("、")
PLACE = (
    "云岫望川青禾临溪鹤鸣松涧锦澜碧梧听涛栖霞紫荆玉衡银杏朝阳晴川沧浪丹枫清漪揽月长亭石桥柳浪梅岭竹影兰汀菱湖荷塘枫桥"
)
PART = "、、、东、南、新、第二、国际".split("、")
KIND = "路、大厦、小区、广场、公园、火车站、医院、商城、中学、酒店、体育馆、产业园、镇、码头".split("、")


def contact(random: Random) -> str:
    """A person: one of 12 double surnames now and then, one or two characters of a given name."""
    surname = _one(random, DOUBLE_SURNAMES if random.random() < 0.1 else SURNAMES)
    return surname + "".join(_one(random, GIVEN) for _ in range(1 if random.random() < 0.25 else 2))


def song(random: Random) -> str:
    """A title such as 雨后的石头 or 候鸟不说话."""
    return _one(
        random,
        (
            f"{_one(random, WHEN)}的{_one(random, THING)}",
            f"{_one(random, WHERE)}的{_one(random, THING)}",
            f"{_one(random, THING)}{_one(random, DOES)}",
            f"{_one(random, WHEN)}{_one(random, THING)}{_one(random, DOES)}",
        ),
    )


def place(random: Random) -> str:
    """A place such as 望川路 or 青禾国际小区."""
    at = 2 * int(random.random() * (len(PLACE) // 2))
    return PLACE[at : at + 2] + _one(random, PART) + _one(random, KIND)


MAKERS: dict[str, Callable[[Random], str]] = {"contact_name": contact, "song": song, "destination": place}


def invent(slot: str, count: int = 500, seed: int = 0) -> list[str]:
    """``count`` different names for a slot of `MAKERS`, sorted."""
    random = Random(seed)
    names: set[str] = set()
    while len(names) < count:
        names.add(MAKERS[slot](random))
    return sorted(names)


def _one(random: Random, choices: Sequence[str]) -> str:
    return choices[int(random.random() * len(choices))]


def main() -> None:
    import sys

    for slot in MAKERS:
        (Path(sys.argv[1]) / f"{slot}.txt").write_text("\n".join(invent(slot)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
