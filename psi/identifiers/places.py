"""Places: the code of a country, for nationality and nothing else, and towns by the one of their names that they share.

A town has names in several languages that do not sound alike, Wien and Vienna; a small table joins those of the cities
that files of this field name most. Words for "town", "district" and the like are left out.

Codes and names of countries stand in `country_codes`; adjectives are not read.
"""

import re
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, clean
from psi.identifiers.country_codes import country_of

__all__ = ["COUNTRY_CODE", "country_form", "town"]

COUNTRY_CODE: Final = re.compile(r"[A-Z]{2}")
"""The shape of every form."""

_TOWNS: Final = """
    bucuresti bucharest bukarest bucarest boekarest bukharest bukuresht
    wien vienna vienne wenen viena vena bech
    munchen muenchen munich monaco monacodibaviera miunkhen myunhen
    koln koeln cologne keulen colonia keln
    nurnberg nuernberg nuremberg neurenberg
    warszawa warsaw warschau varsovie varsovia varshava warschauer
    praha prague prag praga
    roma rome rom rim
    moskva moscow moskau moscou moscova moskou moscu
    bruxelles brussels brussel bruessel brussels
    antwerpen antwerp anvers amberes
    denhaag thehague lahaye haag hague gravenhage sgravenhage
    beograd belgrade belgrad
    athina athens athen athenes atena atina athinai afiny
    thessaloniki saloniki salonika solun selanik salonic
    lisboa lisbon lissabon lisbonne lisabona
    kobenhavn koebenhavn copenhagen kopenhagen copenhague
    geneve geneva genf ginevra
    zurich zuerich zuerich tsyurikh
    firenze florence florenz
    venezia venice venedig venise
    napoli naples neapel
    torino turin
    milano milan mailand
    chernivtsi czernowitz cernauti chernovtsy chernovcy
    odesa odessa
    kyiv kiev kiew kijow
    lviv lvov lemberg lwow
    chisinau kishinev kishinau kischinau chisinev
    tiraspol tiraspolul
    tbilisi tiflis
    istanbul constantinople stambul
    alqahira qahira qaahra qahirah cairo kairo lecaire alkahira kahire
    dimashq dmshq damascus damas damaskus dimashk
    halab hlb aleppo alep halep
    dimyat damietta
    aljazair jzair algiers alger algier
    addarbayda casablanca darbida daralbaydaa daralbida darbayda
    beijing peking pekin
    krungthep bangkok krungthepmahanakhon
    yangon rangoon
    hochiminh saigon hochiminhcity thanhphohochiminh sgn
    kolkata calcutta
    mumbai bombay
    tehran teheran
    sevilla seville
    shkoder shkodra scutari
    prishtina pristina prishtine
    skopje skopie uskup
    iasi jassy iassy
    brasov kronstadt
    cluj clujnapoca klausenburg kolozsvar
    timisoara temeswar temesvar
    sibiu hermannstadt
    plovdiv philippopolis
    kharkiv kharkov charkiw charkow harkiv harkov
    zaporizhzhia zaporizhzhya zaporozhye saporischschja saporoschje
    dnipro dnepr dnepropetrovsk dnipropetrovsk
    sanktpeterburg saintpetersburg stpetersburg sanktpetersburg leningrad
    balti beltsy belti
    gent gand ghent
    luik liege luettich luttich
    aachen aixchapelle aken
    lille rijsel
    frankfurt frankfurtammain frankfurtmain frankfurtam
    mashhad meshed meched
    tanger tnja tangier tangiers tanja
    lakhnau lucknow lakhnu
    varanasi benares banaras
    guangzhou canton kanton
    gaziantep antep
    sanliurfa urfa
    bogota santafebogota
    cali santiagocali
    nakhonratchasima nkhrrashsima korat khorat
    udonthani oudrthani udornthani
    ubonratchathani oublrashthani
    phetchabun peshrbun petchabun
    delhi dilli dilhi newdelhi
    mykolaiv nikolaev nikolayev nikolajew
    oujda wjda ujda
    nador nazur
    sabac shabats
    cacak chachak
    vraca vratsa vratza
    deirezzor dirzur deirzor dayrzawr
    izmir smyrna
    edirne adrianople
    gdansk danzig
    wroclaw breslau
    krakow cracow krakau cracovie
    vilnius wilna wilno
    bratislava pressburg pozsony
    ljubljana laibach
    zagreb agram
"""
_TOWN: Final = {name: row.split()[0] for row in _TOWNS.strip().splitlines() for name in row.split()}
_WORDS_FOR_TOWNS: Final = """
    city town village of municipality municipiul orasul oras comuna com sat judet judetul jud sector gemeinde stadt stad
    gorod misto selo smt pgt poselok grad obl oblast region rayon raion district province provincia g gr m s c or mun
"""
_TOWN_WORDS: Final = frozenset(_WORDS_FOR_TOWNS.split())


def town(words: list[str]) -> str:
    """One word for a town out of the romanised words of its cell: the same for its names in other languages."""
    kept = [word for word in words if word not in _TOWN_WORDS] or words
    whole = "".join(kept)
    return _TOWN.get(whole, whole)


def country_form(cell: Cell) -> str:
    """The two-letter code; "" for a blank. Raises `RefusedValue` `nationality/unknown`."""
    text = clean(cell)
    if not text:
        return ""
    code = country_of(text)
    if not code:
        raise RefusedValue(
            "This cell names no country that is known here.",
            advice="Write the country's two-letter code, such as UA or RO.",
            reason="nationality/unknown",
        )
    return code
