"""Places365's WideResNet-18, its 365 scenes and the 102 SUN attributes that are read off its features.

Source: github.com/CSAILVision/places365: wideresnet.py, run_placesCNN_unified.py, categories_places365.txt (the names,
here without ``/a/``) and IO_places365.txt.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cache.errors import WeightsError
from pipeline.weights.checkpoints import fill, initialise
from pipeline.weights.folder import UNTRAINED

if TYPE_CHECKING:
    from torch import nn

    from pipeline.weights.folder import Weights

NETWORK, MATRIX = "wideresnet18_places365", "places365_attributes"
FEATURES, ATTRIBUTES = 512, 102
ATTRIBUTE_NAMES = "labels_sunattribute.txt"
"""In the folder of weights, one name a line; only for words, no value hangs on it."""

_LIST = """
airfield airplane_cabin* airport_terminal* alcove* alley amphitheater amusement_arcade* amusement_park
apartment_building/outdoor aquarium* aqueduct arcade* arch archaelogical_excavation* archive* arena/hockey*
arena/performance* arena/rodeo* army_base art_gallery* art_school* art_studio* artists_loft* assembly_line*
athletic_field/outdoor atrium/public* attic* auditorium* auto_factory* auto_showroom* badlands bakery/shop*
balcony/exterior balcony/interior ball_pit* ballroom* bamboo_forest bank_vault* banquet_hall* bar* barn barndoor
baseball_field basement* basketball_court/indoor* bathroom* bazaar/indoor* bazaar/outdoor beach beach_house
beauty_salon* bedchamber* bedroom* beer_garden beer_hall* berth* biology_laboratory* boardwalk boat_deck boathouse
bookstore* booth/indoor* botanical_garden bow_window/indoor* bowling_alley* boxing_ring* bridge building_facade bullring
burial_chamber* bus_interior* bus_station/indoor* butchers_shop* butte cabin/outdoor cafeteria* campsite campus
canal/natural canal/urban candy_store* canyon car_interior* carrousel castle catacomb* cemetery chalet chemistry_lab*
childs_room* church/indoor* church/outdoor classroom* clean_room* cliff closet* clothing_store* coast cockpit*
coffee_shop* computer_room* conference_center* conference_room* construction_site corn_field corral corridor* cottage
courthouse courtyard creek crevasse crosswalk dam delicatessen* department_store* desert/sand desert/vegetation
desert_road diner/outdoor dining_hall* dining_room* discotheque* doorway/outdoor dorm_room* downtown dressing_room*
driveway drugstore* elevator/door* elevator_lobby* elevator_shaft* embassy engine_room* entrance_hall* escalator/indoor*
excavation fabric_store* farm fastfood_restaurant* field/cultivated field/wild field_road fire_escape fire_station
fishpond flea_market/indoor* florist_shop/indoor* food_court* football_field forest/broadleaf forest_path forest_road
formal_garden fountain galley* garage/indoor* garage/outdoor gas_station gazebo/exterior general_store/indoor*
general_store/outdoor gift_shop* glacier golf_course greenhouse/indoor* greenhouse/outdoor grotto gymnasium/indoor*
hangar/indoor* hangar/outdoor harbor hardware_store* hayfield heliport highway home_office* home_theater* hospital
hospital_room* hot_spring hotel/outdoor hotel_room* house hunting_lodge/outdoor ice_cream_parlor* ice_floe ice_shelf
ice_skating_rink/indoor* ice_skating_rink/outdoor iceberg igloo industrial_area inn/outdoor islet jacuzzi/indoor*
jail_cell* japanese_garden jewelry_shop* junkyard kasbah kennel/outdoor kindergarden_classroom* kitchen* lagoon
lake/natural landfill landing_deck laundromat* lawn lecture_room* legislative_chamber* library/indoor* library/outdoor
lighthouse living_room* loading_dock lobby* lock_chamber locker_room* mansion manufactured_home market/indoor*
market/outdoor marsh martial_arts_gym* mausoleum medina mezzanine* moat/water mosque/outdoor motel mountain
mountain_path mountain_snowy movie_theater/indoor* museum/indoor* museum/outdoor music_studio* natural_history_museum*
nursery* nursing_home* oast_house ocean office* office_building office_cubicles* oilrig operating_room* orchard
orchestra_pit* pagoda palace pantry* park parking_garage/indoor* parking_garage/outdoor parking_lot pasture patio
pavilion pet_shop* pharmacy* phone_booth physics_laboratory* picnic_area pier pizzeria* playground playroom* plaza pond
porch promenade pub/indoor* racecourse raceway raft railroad_track rainforest reception* recreation_room* repair_shop*
residential_neighborhood restaurant* restaurant_kitchen* restaurant_patio rice_paddy river rock_arch roof_garden
rope_bridge ruin runway sandbox sauna* schoolhouse science_museum* server_room* shed shoe_shop* shopfront
shopping_mall/indoor* shower* ski_resort ski_slope sky skyscraper slum snowfield soccer_field stable* stadium/baseball
stadium/football stadium/soccer stage/indoor* stage/outdoor staircase* storage_room* street subway_station/platform*
supermarket* sushi_bar* swamp swimming_hole* swimming_pool/indoor* swimming_pool/outdoor synagogue/outdoor
television_room* television_studio* temple/asia throne_room* ticket_booth* topiary_garden tower toyshop* train_interior*
train_station/platform* tree_farm tree_house trench tundra underwater/ocean_deep utility_room* valley vegetable_garden
veterinarians_office* viaduct village vineyard volcano volleyball_court/outdoor waiting_room* water_park water_tower
waterfall watering_hole wave wet_bar* wheat_field wind_farm windmill yard youth_hostel* zen_garden
"""  # a star marks what is indoors

SCENES: tuple[str, ...] = tuple(word.rstrip("*") for word in _LIST.split())
INDOOR: tuple[bool, ...] = tuple(word.endswith("*") for word in _LIST.split())


def network(weights: Weights) -> Any:
    """ResNet-18 without max-pooling, so that its maps are twice as wide and high, with 365 classes as ``fc``.

    Images (n, 3, h, w); the last map is (n, 512, h / 16, w / 16). Its tensors' names are torchvision's.
    Raises: WeightsError.
    """
    import torchvision
    from torch import nn

    made = torchvision.models.resnet18(num_classes=len(SCENES))
    made.maxpool = nn.Identity()
    weights.load_into(NETWORK, made)
    return made


def attributes(weights: Weights) -> nn.Module:
    """A linear layer, (n, 512) to (n, 102), without bias. Its matrix is a NumPy file; no pickle is read.

    Raises: WeightsError, one line: absent, damaged, another shape, not finite.
    """
    import torch
    from torch import nn

    layer = nn.Linear(FEATURES, ATTRIBUTES, bias=False)
    if weights.digest(MATRIX) == UNTRAINED:
        initialise(layer, MATRIX)
        return layer
    (path,) = weights.paths(MATRIX)
    try:
        matrix = np.load(
            path, mmap_mode="r", allow_pickle=False
        )  # mapped: a size that the header invents is not allocated
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        told = " ".join(str(error).split())[:160]
        raise WeightsError(f"{path}: not a NumPy array ({told}); fetch it again") from None
    kind = getattr(matrix, "dtype", None)
    if kind is None or kind.kind != "f" or not np.isfinite(matrix).all():
        told = "numbers that are not finite" if kind is not None and kind.kind == "f" else kind or "several arrays"
        raise WeightsError(f"{path}: holds {told}, not finite floating-point numbers; fetch it again")
    fill(layer, {"weight": torch.from_numpy(np.array(matrix, np.float32))}, str(path))
    return layer


def attribute_names(folder: Path) -> list[str]:
    """The names of the attributes, [] when their file is not there. Raises: WeightsError when there are not 102."""
    path = folder / ATTRIBUTE_NAMES
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if len(names) != ATTRIBUTES:
        raise WeightsError(f"{path}: holds {len(names)} names, {ATTRIBUTES} are wanted; delete it or fetch it again")
    return names
