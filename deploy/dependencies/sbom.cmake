# Writes the software bill of materials, SPDX 2.3 as JSON, from the table of dependencies:
#   cmake -DTABLE=dependencies.json -DVERSION=1.2.3 -DOUTPUT=FILE -P sbom.cmake
# Versions are those of the Debian packages that are installed where it is built. The time is SOURCE_DATE_EPOCH, if it is
# set; the name of the document depends on its content alone, so that equal builds have equal documents.
cmake_minimum_required(VERSION 3.25)

function(quoted result text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  set(${result} "\"${text}\"" PARENT_SCOPE)
endfunction()

file(READ ${TABLE} table)
string(JSON count LENGTH "${table}")
math(EXPR last "${count} - 1")
find_program(DPKG_QUERY dpkg-query)

set(packages "")
set(relationships "")
foreach(index RANGE ${last})
  foreach(key name use package licence reason)
    string(JSON ${key} GET "${table}" ${index} ${key})
  endforeach()
  set(version "")
  if(DPKG_QUERY)
    execute_process(COMMAND ${DPKG_QUERY} -W -f "\${Version}\n" ${package} OUTPUT_VARIABLE version ERROR_QUIET)
    string(REGEX REPLACE "\n.*" "" version "${version}")
  endif()
  set(version_line "")
  set(purl "pkg:deb/debian/${package}?distro=bookworm")
  if(version)
    set(version_line "\n      \"versionInfo\": \"${version}\",")
    string(REPLACE ":" "%3A" in_purl "${version}")
    string(REPLACE "+" "%2B" in_purl "${in_purl}")
    set(purl "pkg:deb/debian/${package}@${in_purl}?distro=bookworm")
  endif()
  string(REPLACE "+" "%2B" purl "${purl}")
  string(REPLACE "%252B" "%2B" purl "${purl}")
  string(REGEX REPLACE "[^A-Za-z0-9.-]" "-" id "SPDXRef-${package}")
  quoted(name "${name}")
  quoted(reason "${reason}")
  string(APPEND packages ",
    {
      \"SPDXID\": \"${id}\",
      \"name\": ${name},${version_line}
      \"supplier\": \"Organization: Debian\",
      \"downloadLocation\": \"NOASSERTION\",
      \"filesAnalyzed\": false,
      \"licenseConcluded\": \"${licence}\",
      \"licenseDeclared\": \"${licence}\",
      \"copyrightText\": \"NOASSERTION\",
      \"comment\": ${reason},
      \"externalRefs\": [
        {\"referenceCategory\": \"PACKAGE-MANAGER\", \"referenceType\": \"purl\", \"referenceLocator\": \"${purl}\"}
      ]
    }")
  if(use STREQUAL "library")
    set(relationship "\"spdxElementId\": \"SPDXRef-senso-turn\", \"relationshipType\": \"DYNAMIC_LINK\", \"relatedSpdxElement\": \"${id}\"")
  elseif(use STREQUAL "headers")
    set(relationship "\"spdxElementId\": \"SPDXRef-senso-turn\", \"relationshipType\": \"STATIC_LINK\", \"relatedSpdxElement\": \"${id}\"")
  else()
    set(relationship "\"spdxElementId\": \"${id}\", \"relationshipType\": \"BUILD_TOOL_OF\", \"relatedSpdxElement\": \"SPDXRef-senso-turn\"")
  endif()
  string(APPEND relationships ",\n    {${relationship}}")
endforeach()

string(TIMESTAMP created "%Y-%m-%dT%H:%M:%SZ" UTC)
string(SHA256 digest "${VERSION}${created}${packages}${relationships}")
file(WRITE ${OUTPUT} "{
  \"spdxVersion\": \"SPDX-2.3\",
  \"dataLicense\": \"CC0-1.0\",
  \"SPDXID\": \"SPDXRef-DOCUMENT\",
  \"name\": \"senso-turn-${VERSION}\",
  \"documentNamespace\": \"https://spdx.org/spdxdocs/senso-turn-${VERSION}-${digest}\",
  \"creationInfo\": {\"created\": \"${created}\", \"creators\": [\"Organization: The senso-turn authors\", \"Tool: sbom.cmake\"]},
  \"packages\": [
    {
      \"SPDXID\": \"SPDXRef-senso-turn\",
      \"name\": \"senso-turn\",
      \"versionInfo\": \"${VERSION}\",
      \"supplier\": \"Organization: The senso-turn authors\",
      \"downloadLocation\": \"NOASSERTION\",
      \"filesAnalyzed\": false,
      \"licenseConcluded\": \"Apache-2.0\",
      \"licenseDeclared\": \"Apache-2.0\",
      \"copyrightText\": \"The senso-turn authors\"
    }${packages}
  ],
  \"relationships\": [
    {\"spdxElementId\": \"SPDXRef-DOCUMENT\", \"relationshipType\": \"DESCRIBES\", \"relatedSpdxElement\": \"SPDXRef-senso-turn\"}${relationships}
  ]
}
")
